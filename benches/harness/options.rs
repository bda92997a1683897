//! What the command line asked for.

/// The arguments of a run that is one.
pub(crate) struct Options {
    arguments: Vec<String>,
}

impl Options {
    /// `None` unless `cargo bench` runs this program: `cargo test --benches` only wants to know that it starts.
    pub(crate) fn asked() -> Option<Self> {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let is = |wanted: &str| arguments.iter().any(|argument| argument == wanted);
        (is("--bench") && !is("--test")).then_some(Self { arguments })
    }

    /// The number behind `name`, as in `--rounds 5`.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.numbers(name).next()
    }

    /// The number behind each `name`.
    pub(crate) fn numbers(&self, name: &str) -> impl Iterator<Item = usize> {
        let pairs = self.arguments.windows(2).filter(move |pair| pair[0] == name);
        pairs.filter_map(|pair| pair[1].parse().ok())
    }
}

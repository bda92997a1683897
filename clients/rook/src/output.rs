//! The output of programs.

/// Writes a text, and returns whether it could.
type Writer = Box<dyn Fn(&str) -> bool>;

/// The place of what is printed: a function, or a text that is taken later.
#[derive(Default)]
pub(crate) struct Output {
    kept: String,
    to: Option<Writer>,
}

impl Output {
    /// Hands on what is printed from now on. The function returns whether it could be written.
    pub(crate) fn hand_to(&mut self, to: impl Fn(&str) -> bool + 'static) {
        self.to = Some(Box::new(to));
    }

    /// Prints a line. Returns whether it could be written.
    pub(crate) fn line(&mut self, mut text: String) -> bool {
        text.push('\n');
        match &self.to {
            Some(to) => to(&text),
            None => {
                self.kept.push_str(&text);
                true
            }
        }
    }

    /// Returns what was kept since the last call.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.kept)
    }
}

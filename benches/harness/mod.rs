//! Interleaved rounds, medians and quartiles: what every benchmark here measures with.
//!
//! ```text
//!   round 1   C A D B
//!   round 2   A B C D      every subject once a round, each round in another order: what disturbs the machine disturbs all of
//!   round 3   D B A C      them alike, and none has always the same one's leavings in the caches
//! ```
//!
//! A table gives the median of a subject's samples with its quartiles, and the *ratio of medians* to the first subject. The quartiles
//! of a ratio are those of the ratios taken round by round.

mod clock;
pub(crate) mod random;

#[allow(unused_imports, reason = "not each bench takes the time")]
pub(crate) use clock::Clock;
use random::Random;

/// Samples of one measure of one subject, in the order of their rounds.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// The lower quartile, the median and the upper quartile.
    pub(crate) fn quartiles(&self) -> [f64; 3] {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| sorted.get((sorted.len().saturating_sub(1)) * quarter / 4).copied().unwrap_or(f64::NAN))
    }
}

#[allow(dead_code, reason = "a bench prints medians or means")]
impl Samples {
    /// The median and, in brackets, the quartiles.
    pub(crate) fn cell(&self) -> String {
        let [low, median, high] = self.quartiles();
        format!("{median:.1} ({low:.1}–{high:.1})")
    }

    /// The ratio of medians to `base` and, in brackets, the quartiles of the ratios round by round.
    pub(crate) fn ratio_cell(&self, base: &Self) -> String {
        let by_round = Self(self.0.iter().zip(&base.0).map(|(mine, theirs)| mine / theirs).collect());
        let [low, _, high] = by_round.quartiles();
        let ratio = self.quartiles()[1] / base.quartiles()[1];
        format!("**{ratio:.2}** ({low:.2}–{high:.2})")
    }

    /// For samples of which each is one of a few values: the mean and, in brackets, the quartiles.
    pub(crate) fn mean_cell(&self) -> String {
        let [low, _, high] = self.quartiles();
        format!("{:.1} ({low:.1}–{high:.1})", self.mean())
    }

    /// The ratio of means to `base` and, in brackets, the quartiles of the ratios sample by sample.
    pub(crate) fn mean_ratio_cell(&self, base: &Self) -> String {
        let by_sample = Self(self.0.iter().zip(&base.0).map(|(mine, theirs)| mine / theirs).collect());
        let [low, _, high] = by_sample.quartiles();
        format!("**{:.2}** ({low:.2}–{high:.2})", self.mean() / base.mean())
    }

    fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(samples: I) -> Self {
        Self(samples.into_iter().collect())
    }
}

impl Extend<f64> for Samples {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, samples: I) {
        self.0.extend(samples);
    }
}

/// Takes `MEASURES` samples of each of `subjects` in every round. The first failure ends it.
pub(crate) fn interleave<const MEASURES: usize, E>(
    rounds: usize,
    subjects: usize,
    mut sample: impl FnMut(usize) -> Result<[f64; MEASURES], E>,
) -> Result<Vec<[Samples; MEASURES]>, E> {
    let mut all = vec![[const { Samples(Vec::new()) }; MEASURES]; subjects];
    let (mut random, mut order) = (Random::new(5), Vec::from_iter(0..subjects));
    for _ in 0..rounds {
        random.shuffle(&mut order);
        for &subject in &order {
            for (samples, measured) in all[subject].iter_mut().zip(sample(subject)?) {
                samples.0.push(measured);
            }
        }
    }
    Ok(all)
}

/// Prints a table that Markdown shows as one.
pub(crate) fn print_table(title: &str, head: &[&str], rows: &[Vec<String>]) {
    println!("\n{title}\n\n| {} |", head.join(" | "));
    println!("|{}", " --- |".repeat(head.len()));
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

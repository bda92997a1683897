//! What is resident, as the kernel says.

use crate::Outcome;

/// Bytes of this process that are in memory and its own: anonymous pages, less those that the kernel may take.
pub(crate) fn resident() -> Outcome<f64> {
    let text = std::fs::read_to_string("/proc/self/smaps_rollup")?;
    let field = |name: &str| -> Outcome<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such field in smaps_rollup")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? * 1024.0)
    };
    Ok(field("Anonymous:")? - field("LazyFree:")?)
}

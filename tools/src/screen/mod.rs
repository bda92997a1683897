//! Text for a screen: escaped names, sizes, bars, tables.
//!
//! A [`Screen`] says how wide it is. Colour is taken away when the text is printed, if need be.

mod table;

pub use table::{Cell, Table};

use anstyle::{AnsiColor, Style};
use std::fmt::Write;
use std::io::IsTerminal;

/// Headings.
pub const HEADING: Style = Style::new().bold();
/// Bars, and what is shared.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// For what differs, is damaged or is private.
pub const BAD: Style = AnsiColor::Red.on_default();
/// For what is of little interest.
pub const DIM: Style = Style::new().dimmed();

/// The columns of a screen that are used if it does not say how many it has.
const WIDTH: usize = 100;

/// The screen that text is made for.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// `true` if what is wider is cut. What a program reads is not.
    pub cuts: bool,
}

impl Screen {
    /// The screen that the standard output is, or one of the usual width.
    pub fn of_output() -> Self {
        let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let is_terminal = std::io::stdout().is_terminal();
        let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let width = asked.or(terminal.filter(|_| is_terminal)).unwrap_or(WIDTH);
        Self { width: width.clamp(40, 400), cuts: is_terminal }
    }
}

/// Text of a file or a process, such that it cannot move the cursor, change colours or turn the direction of writing.
pub fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut to, c| {
        match c {
            '\'' | '"' => to.push(c),
            _ => to.extend(c.escape_debug()),
        }
        to
    })
}

/// The same in quotes.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text).replace('"', "\\\""))
}

/// A number, in groups of three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    digits.char_indices().fold(String::new(), |mut to, (at, digit)| {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            to.push(',');
        }
        to.push(digit);
        to
    })
}

/// A number of things.
pub fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// Bytes, in the largest unit that leaves a number above 1.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut number, mut unit) = (bytes as f64 / 1024.0, 0);
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    while number >= 1024.0 && unit + 1 < UNITS.len() {
        (number, unit) = (number / 1024.0, unit + 1);
    }
    format!("{number:.1} {}", UNITS[unit])
}

/// Bytes, in both ways.
pub fn size_in_full(bytes: u64) -> String {
    if bytes < 1024 { size(bytes) } else { format!("{} ({} bytes)", size(bytes), grouped(bytes)) }
}

/// A part of a whole, in percent.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "0.0 %".to_owned() } else { format!("{:.1} %", part as f64 * 100.0 / whole as f64) }
}

/// A bar for a part of a whole, of at most so many columns. What is there, however small, shows.
pub fn bar(part: u64, whole: u64, columns: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let exact = if whole == 0 { 0.0 } else { part.min(whole) as f64 * (columns * 8) as f64 / whole as f64 };
    let eighths = (exact.round() as usize).max(usize::from(part > 0));
    "█".repeat(eighths / 8) + EIGHTHS[eighths % 8]
}

/// A bar of several parts of a whole, each of a character of its own. What is there, however small, shows.
pub fn stacked(parts: &[(u64, char)], whole: u64, columns: usize) -> String {
    let (mut text, mut sum, mut used) = (String::new(), 0, 0);
    for &(part, letter) in parts {
        sum += part;
        let end = if whole == 0 { 0 } else { (sum as f64 * columns as f64 / whole as f64).round() as usize };
        let wanted = end.saturating_sub(used).max(usize::from(part > 0)).min(columns - used);
        text.extend(std::iter::repeat_n(letter, wanted));
        used += wanted;
    }
    text
}

/// A heading, and behind it what is said of it.
pub fn heading(to: &mut String, text: &str, rest: &str) {
    let _ = writeln!(to, "{HEADING}{text}{HEADING:#}{}{rest}", if rest.is_empty() { "" } else { "  " });
}

/// A line with a label.
pub fn line(to: &mut String, label: &str, text: &str) {
    let _ = writeln!(to, "  {DIM}{label:<10}{DIM:#} {text}");
}

/// An address range, as `/proc/PID/maps` writes it.
pub fn addresses(range: &std::ops::Range<usize>) -> String {
    format!("{:#x}-{:#x}", range.start, range.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_move_the_cursor_or_turn_the_direction() {
        assert_eq!(escaped("a\x1b[31mb\r\n\t\u{202e}c\u{7f}\u{9b}"), "a\\u{1b}[31mb\\r\\n\\t\\u{202e}c\\u{7f}\\u{9b}");
        assert_eq!(escaped("größe 日本 'x' \"y\" \\"), "größe 日本 'x' \"y\" \\\\");
        assert_eq!(quoted("a\"b"), "\"a\\\"b\"");
        for hidden in ['\u{200b}', '\u{2066}', '\u{2069}', '\u{feff}', '\u{ad}', '\u{2028}'] {
            assert!(escaped(&hidden.to_string()).is_ascii(), "{hidden:?}");
        }
    }

    #[test]
    fn numbers_and_sizes_are_told_as_people_read_them() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([1023, 1024, 80_096_704].map(size), ["1023 bytes", "1.0 KiB", "76.4 MiB"]);
        assert_eq!(size(u64::MAX), "16777216.0 TiB");
        assert_eq!((counted(1, "name").as_str(), counted(2000, "name").as_str()), ("1 name", "2,000 names"));
        assert_eq!(size_in_full(2048), "2.0 KiB (2,048 bytes)");
    }

    #[test]
    fn a_bar_is_as_long_as_its_part_and_shows_the_smallest() {
        assert_eq!(bar(1, 1, 10), "██████████");
        assert_eq!((bar(1, 4, 10).as_str(), bar(1, 1_000_000, 10).as_str(), bar(0, 5, 10).as_str()), ("██▌", "▏", ""));
        assert_eq!((bar(0, 0, 10).as_str(), bar(9, 3, 4).as_str()), ("", "████"));
        assert_eq!(stacked(&[(50, 'a'), (0, 'b'), (50, 'c')], 100, 10), "aaaaaccccc");
        assert_eq!(stacked(&[(1, 'a'), (9999, 'b')], 10_000, 10), "abbbbbbbbb");
        assert_eq!(stacked(&[(1, 'a')], 0, 10), "a");
    }
}

//! [`Table`]: rows of cells, in columns that are as wide as they need be.

use super::Screen;
use anstyle::Style;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A cell: text, and how it is shown.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    text: String,
    style: Style,
    is_right: bool,
}

impl Cell {
    /// Text, which is [`escaped`](super::escaped) if it comes from a file.
    pub fn left(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number.
    pub fn right(text: impl Into<String>) -> Self {
        Self { is_right: true, ..Self::left(text) }
    }

    pub fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

/// Rows of cells. The first column gives way if the screen is too narrow.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<Vec<Cell>>);

/// Spaces in front of a row.
const INDENT: usize = 2;
/// Spaces between columns.
const BETWEEN: usize = 2;
/// The first column gives way to this.
const LEAST: usize = 12;

impl Table {
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.0.push(cells.into_iter().collect());
    }

    /// The table, a line for each row.
    pub fn show(&self, screen: Screen) -> String {
        let columns = self.0.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| self.0.iter().filter_map(|row| row.get(column)).map(|cell| cell.text.width()).max();
        let mut widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
        let all = INDENT + widths.iter().sum::<usize>() + BETWEEN * columns.saturating_sub(1);
        if screen.cuts && all > screen.width {
            if let Some(first) = widths.first_mut() {
                *first = first.saturating_sub(all - screen.width).max(LEAST.min(*first));
            }
        }
        self.0.iter().map(|row| line(row, &widths)).collect()
    }
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let mut line = " ".repeat(INDENT);
    let mut waiting = 0;
    for (cell, &width) in row.iter().zip(widths) {
        let text = cut(&cell.text, width);
        let rest = width - text.width();
        let (before, behind) = if cell.is_right { (rest, 0) } else { (0, rest) };
        // Spaces at the end of a line are not written.
        if !text.is_empty() {
            line.push_str(&" ".repeat(waiting + before));
            waiting = behind;
            line.push_str(&format!("{}{text}{:#}", cell.style, cell.style));
        } else {
            waiting += rest;
        }
        waiting += BETWEEN;
    }
    line.truncate(line.trim_end().len());
    line.push('\n');
    line
}

/// The text, cut to a width.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut used = 1;
    let fits = |c: &char| {
        used += c.width().unwrap_or(0);
        used <= width
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::default();
        table.row([Cell::left("name"), Cell::right("bytes"), Cell::left("")]);
        table.row([Cell::left("日本"), Cell::right("7"), Cell::left("█")]);
        table.row([Cell::left("a name that is long"), Cell::right("123456"), Cell::left("██")]);
        table
    }

    #[test]
    fn columns_are_as_wide_as_their_text_on_the_screen() {
        let shown = table().show(Screen { width: 100, cuts: true });
        let lines: Vec<_> = shown.lines().collect();
        assert_eq!(lines[0], "  name                  bytes");
        assert_eq!(lines[1], "  日本                      7  █");
        assert_eq!(lines[2], "  a name that is long  123456  ██");
    }

    #[test]
    fn the_first_column_gives_way_on_a_screen_and_nowhere_else() {
        let shown = table().show(Screen { width: 28, cuts: true });
        assert_eq!(shown.lines().nth(2), Some("  a name that i…  123456  ██"));
        let whole = table().show(Screen { width: 28, cuts: false });
        assert!(whole.contains("a name that is long"));
    }
}

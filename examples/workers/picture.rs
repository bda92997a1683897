//! Private kilobytes of a worker against the number of workers, as SVG without blank lines, so that documentation can hold it.

use super::Row;
use std::fmt::Write;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 330.0;
/// The plot's corners. The lines' names stand to the right of it.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 470.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 276.0;
const ARENA: &str = "#1a7f37";
const COUNTED: &str = "#cf222e";

/// Draws both lines, and the sum of the largest fleet beside each.
pub fn draw(rows: &[Row]) -> String {
    let most = rows.iter().map(|row| row.arena.max(row.counted)).max().unwrap_or(0).max(1) as f64;
    let step = round_step(most / 4.0);
    let top = (most / step).ceil() * step;
    let x = |index: usize| LEFT + (RIGHT - LEFT) * index as f64 / (rows.len().max(2) - 1) as f64;
    let y = |value: f64| BOTTOM - (BOTTOM - TOP) * value / top;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"26\" font-size=\"15\" font-weight=\"bold\" fill=\"#1f2328\">Private memory of each forked worker, in kB\
         </text>\n"
    );
    let mut value = 0.0;
    while value <= top {
        let at = y(value);
        let _ = writeln!(svg, "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\" stroke=\"#d8dee4\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#57606a\">{value:.0}</text>",
            LEFT - 8.0,
            at + 4.5
        );
        value += step;
    }
    for (index, row) in rows.iter().enumerate() {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">{}</text>",
            x(index),
            BOTTOM + 20.0,
            row.workers
        );
    }
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#57606a\">workers forked from one process</text>",
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 42.0
    );
    let arena = |row: &Row| row.arena;
    let counted = |row: &Row| row.counted;
    for (name, colour, figure) in
        [("reference counts", COUNTED, &counted as &dyn Fn(&Row) -> usize), ("code arena", ARENA, &arena)]
    {
        let points: Vec<(f64, f64)> =
            rows.iter().enumerate().map(|(index, row)| (x(index), y(figure(row) as f64))).collect();
        let line: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\"/>",
            line.join(" ")
        );
        for (x, y) in &points {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>");
        }
        let (Some(row), Some((_, at))) = (rows.last(), points.last()) else { continue };
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" font-weight=\"bold\" fill=\"{colour}\">{name}: {} kB</text>",
            RIGHT + 14.0,
            at - 4.0,
            figure(row)
        );
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"#57606a\">{} workers: {:.1} MB</text>",
            RIGHT + 14.0,
            at + 14.0,
            row.workers,
            (figure(row) * row.workers) as f64 / 1024.0
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Rounds a distance between two lines of the grid up to 1, 2 or 5 times a power of ten.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1.0).log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= least).unwrap_or(10.0);
    times * power
}

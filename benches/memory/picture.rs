//! Resident memory over time, as a picture: a panel for each pattern, a line for each allocator, what is live in grey.

use crate::heap::Sample;
use crate::report::{Result, Seen};
use crate::subjects;
use std::fmt::Write;

const MIB: f64 = (1 << 20) as f64;
/// A panel's size, and what of it is margin: left, right, top, bottom.
const PANEL: (f64, f64) = (330.0, 220.0);
const MARGIN: (f64, f64, f64, f64) = (46.0, 12.0, 30.0, 26.0);
const COLUMNS: usize = 4;
/// In the order of the subjects. This crate's line is drawn last.
const COLOURS: [&str; 4] = ["#d1242f", "#1f6feb", "#bf8700", "#2da44e"];

/// The picture, in SVG.
pub(crate) fn drawn(results: &[Result]) -> String {
    let rows = results.len().div_ceil(COLUMNS);
    let (width, height) = (PANEL.0 * COLUMNS as f64, PANEL.1 * rows as f64 + 34.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (index, subject) in subjects::ALL.iter().enumerate() {
        let x = 46.0 + 120.0 * index as f64;
        let _ = writeln!(
            svg,
            "<line x1=\"{x}\" y1=\"18\" x2=\"{}\" y2=\"18\" stroke=\"{}\" stroke-width=\"3\"/>",
            x + 22.0,
            COLOURS[index]
        );
        let _ = writeln!(svg, "<text x=\"{}\" y=\"22\">{}</text>", x + 28.0, subject.name());
    }
    let _ = writeln!(
        svg,
        "<rect x=\"526\" y=\"11\" width=\"22\" height=\"13\" fill=\"#dddddd\"/><text x=\"554\" y=\"22\">live; MiB resident over the calls of each pattern; 10 million calls behind it begin at the dashed line</text>"
    );
    for (index, result) in results.iter().enumerate() {
        let at = (PANEL.0 * (index % COLUMNS) as f64, PANEL.1 * (index / COLUMNS) as f64 + 34.0);
        panel(&mut svg, at, result);
    }
    svg.push_str("</svg>\n");
    svg
}

fn panel(svg: &mut String, (left, top): (f64, f64), result: &Result) {
    let (x0, x1) = (left + MARGIN.0, left + PANEL.0 - MARGIN.1);
    let (y0, y1) = (top + PANEL.1 - MARGIN.3, top + MARGIN.2);
    let all = || result.seen.iter().flat_map(|seen| &seen.samples);
    let most = all().map(|sample| sample.resident.max(sample.live) / MIB).fold(1.0, f64::max) * 1.05;
    let point = |seen: &Seen, sample: &Sample, value: f64| {
        let x = x0 + (x1 - x0) * seen.place(sample);
        (x, y0 + (y1 - y0) * (value.max(0.0) / MIB) / most)
    };
    let _ = writeln!(svg, "<text x=\"{x0}\" y=\"{}\" font-weight=\"bold\">{}</text>", top + 18.0, result.name);
    for line in 0..=4 {
        let (y, value) = (y0 + (y1 - y0) * f64::from(line) / 4.0, most * f64::from(line) / 4.0);
        let _ = writeln!(svg, "<line x1=\"{x0}\" y1=\"{y:.1}\" x2=\"{x1}\" y2=\"{y:.1}\" stroke=\"#eeeeee\"/>");
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555555\">{value:.0}</text>",
            x0 - 4.0,
            y + 4.0
        );
    }
    if let Some(seen) = result.seen.first() {
        let mut path = format!("M{x0:.1},{y0:.1}");
        for sample in &seen.samples {
            let (x, y) = point(seen, sample, sample.live);
            let _ = write!(path, " L{x:.1},{y:.1}");
        }
        let _ = writeln!(svg, "<path d=\"{path} L{x1:.1},{y0:.1} Z\" fill=\"#dddddd\"/>");
    }
    for (seen, colour) in result.seen.iter().zip(COLOURS).rev() {
        let mut path = String::new();
        for (index, sample) in seen.samples.iter().enumerate() {
            let (x, y) = point(seen, sample, sample.resident);
            let _ = write!(path, "{}{x:.1},{y:.1} ", if index == 0 { "M" } else { "L" });
        }
        let _ = writeln!(svg, "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"/>");
    }
    let end = x0 + (x1 - x0) * 0.75;
    let _ = writeln!(
        svg,
        "<line x1=\"{end}\" y1=\"{y0}\" x2=\"{end}\" y2=\"{y1}\" stroke=\"#999999\" stroke-dasharray=\"3,3\"/>"
    );
    let _ = writeln!(svg, "<line x1=\"{x0}\" y1=\"{y0}\" x2=\"{x1}\" y2=\"{y0}\" stroke=\"#555555\"/>");
}

//! `permacode verify`: whether files are whole, several at once.

use crate::cli::Verify;
use crate::failure::{DIFFERS, FINE, Failure};
use crate::outcome::Outcome;
use crate::rebase::version_of;
use crate::screen::{BAD, Cell, GOOD, Screen, Table, escaped, size};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use permacode::image::inspect::Inspection;
use permacode::image::{Digest, ImageError};
use serde::Serialize;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Files that are smaller are done before anybody could read a bar.
const LARGE: u64 = 32 << 20;

/// The answer for a file.
#[derive(Debug, Serialize)]
struct Verdict {
    path: String,
    ok: bool,
    version: Option<String>,
    digest: Option<String>,
    bytes: Option<u64>,
    error: Option<String>,
    code: u8,
}

pub fn run(arguments: &Verify, screen: Screen) -> Result<Outcome, Failure> {
    let files = &arguments.files;
    let next = AtomicUsize::new(0);
    // It draws on the standard error, and nowhere if that is no terminal.
    let bars = MultiProgress::new();
    let work = || {
        let mut done = Vec::new();
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            let number = files.iter().position(|file| std::ptr::eq(file, path)).unwrap_or(0);
            done.push((number, verdict(path, arguments.digest, &bars)));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(files.len());
    let mut verdicts: Vec<_> = thread::scope(|scope| {
        // If the system refuses a thread, the others do its work; this one takes part.
        let more: Vec<_> = (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let own = work();
        let others = more.into_iter().filter_map(|thread| thread.join().ok()).flatten();
        own.into_iter().chain(others).collect()
    });
    verdicts.sort_by_key(|&(number, _)| number);
    let verdicts: Vec<_> = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    let code = verdicts.iter().map(|verdict| verdict.code).max().unwrap_or(FINE);
    Ok(Outcome::new(show(&verdicts, screen), &verdicts).with_code(code))
}

fn verdict(path: &Path, pinned: Option<Digest>, bars: &MultiProgress) -> Verdict {
    let mut verdict = Verdict {
        path: path.to_string_lossy().into_owned(),
        ok: false,
        version: None,
        digest: None,
        bytes: None,
        error: None,
        code: FINE,
    };
    let refuse = |verdict: &mut Verdict, error: &ImageError| {
        let failure = Failure::of_image(path, error);
        (verdict.code, verdict.error) = (failure.code, Some(failure.text));
    };
    let image = match Inspection::open(path) {
        Ok(image) => image,
        Err(error) => {
            refuse(&mut verdict, &error);
            return verdict;
        }
    };
    verdict.version = Some(image.version().to_owned());
    verdict.digest = Some(image.digest().to_string());
    let bytes = image.sections().last().map_or(0, |section| section.range.end);
    verdict.bytes = Some(bytes);
    if let Some(expected) = pinned.filter(|&expected| expected != image.digest()) {
        let found = image.digest();
        let what = format!("the image has the digest {found}, expected {expected}: it is another image");
        let failure = Failure::of_file(DIFFERS, path, &what);
        (verdict.code, verdict.error) = (failure.code, Some(failure.text));
        return verdict;
    }
    let bar = if bytes >= LARGE { bars.add(progress(path, bytes)) } else { ProgressBar::hidden() };
    let verified = image.verify(|done, all| {
        bar.set_length(all);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    match verified {
        Ok(()) => verdict.ok = true,
        Err(error) => refuse(&mut verdict, &error),
    }
    verdict
}

fn progress(path: &Path, bytes: u64) -> ProgressBar {
    let name = path.file_name().map_or_else(String::new, |name| escaped(&name.to_string_lossy()));
    let style = ProgressStyle::with_template("{msg:20!} {wide_bar} {bytes:>11} of {total_bytes:>11} {eta:>4}");
    let bar = ProgressBar::new(bytes).with_message(name);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}

fn show(verdicts: &[Verdict], screen: Screen) -> String {
    let (mut table, mut text) = (Table::default(), String::new());
    for verdict in verdicts.iter().filter(|verdict| verdict.ok) {
        table.row([
            Cell::left(escaped(&verdict.path)),
            Cell::left("whole").styled(GOOD),
            Cell::right(size(verdict.bytes.unwrap_or(0))),
            Cell::left(verdict.digest.as_deref().unwrap_or("").get(..16).unwrap_or("")),
            Cell::left(version_of(verdict.version.as_deref().unwrap_or(""))),
        ]);
    }
    text.push_str(&table.show(screen));
    for error in verdicts.iter().filter_map(|verdict| verdict.error.as_ref()) {
        text.push_str(&format!("  {BAD}✗{BAD:#} {error}\n"));
    }
    let bad = verdicts.iter().filter(|verdict| !verdict.ok).count();
    if verdicts.len() > 1 {
        text.push_str(&format!("  {} of {} files are whole\n", verdicts.len() - bad, verdicts.len()));
    }
    text
}

//! `permacode rebase`: the image for another window.

use crate::cli::Rebase;
use crate::failure::Failure;
use crate::outcome::Outcome;
use crate::screen::{escaped, line, quoted};
use permacode::image::Image;
use permacode::image::inspect::Inspection;
use serde::Serialize;
use std::path::Path;

#[derive(Serialize)]
struct Rebased {
    output: String,
    digest: String,
    old_window: usize,
    new_window: usize,
}

pub fn run(arguments: &Rebase) -> Result<Outcome, Failure> {
    let Rebase { file, window, output } = arguments;
    let (_, image) = whole(file)?;
    let rebase = image.rebase(*window).map_err(|error| Failure::of_image(file, &error))?;
    rebase.write(output).map_err(|error| Failure::of_image(output, &error))?;
    let output = output.to_string_lossy().into_owned();
    let mut text = format!("{} is written\n", escaped(&output));
    line(&mut text, "window", &format!("{window:#x}, before {:#x}", image.window()));
    line(&mut text, "digest", &format!("{}, as before", image.digest()));
    let data = Rebased { output, digest: image.digest().to_string(), old_window: image.window(), new_window: *window };
    Ok(Outcome::new(text, &data))
}

/// An image to be written anew, which is not damaged.
pub fn whole(path: &Path) -> Result<(Inspection, Image), Failure> {
    let failed = |error| Failure::of_image(path, &error);
    let found = Inspection::open(path).map_err(failed)?;
    let image = found.load().map_err(failed)?;
    // Of the copy, which nobody can change any more.
    image.verify().map_err(failed)?;
    Ok((found, image))
}

/// The version of an image, for people.
pub fn version_of(version: &str) -> String {
    if version.is_empty() { "no version".to_owned() } else { quoted(version) }
}

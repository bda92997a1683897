//! `permacode embed`: a program with an image behind it.

use crate::cli::Embed;
use crate::failure::{Failure, REFUSED};
use crate::outcome::Outcome;
use crate::rebase::{version_of, whole};
use crate::screen::{escaped, line, size_in_full};
use serde::Serialize;

#[derive(Serialize)]
struct Embedded {
    output: String,
    offset: u64,
    bytes: u64,
    digest: String,
    parent: Option<String>,
}

pub fn run(arguments: &Embed) -> Result<Outcome, Failure> {
    let Embed { image: path, program, output } = arguments;
    let (found, image) = whole(path)?;
    let parent = found.parent().map(|(digest, _)| digest.to_string());
    if !program.is_file() {
        let what = "this is not a file that could carry an image: name a program";
        return Err(Failure::of_file(REFUSED, program, what));
    }
    let offset = image.embed(program, output).map_err(|error| Failure::of_image(output, &error))?;
    let bytes = std::fs::metadata(output).map_or(0, |metadata| metadata.len());
    let output = output.to_string_lossy().into_owned();
    let mut text = format!("{} is written\n", escaped(&output));
    line(&mut text, "image", &format!("{}, at byte {offset}", version_of(image.version())));
    line(&mut text, "digest", &image.digest().to_string());
    line(&mut text, "file", &size_in_full(bytes));
    if let Some(parent) = &parent {
        line(
            &mut text,
            "stands on",
            &format!("{parent}, which is not in the file: the program opens it beside this one"),
        );
    }
    let data = Embedded { output, offset, bytes, digest: image.digest().to_string(), parent };
    Ok(Outcome::new(text, &data))
}

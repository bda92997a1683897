//! A small program that opens an image and calls what is in it: what it costs where nothing else is in a program.
//!
//! `first_call PATH`, or `first_call PATH bare` for the kernel's part alone. `cargo bench -p permacode-image-bench` runs it.

#[path = "../harness"]
mod harness {
    mod clock;
    pub(crate) use clock::Clock;
}

mod bare;
mod fresh;
mod program;

use permacode::image::Image;
use program::Program;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("say which image: first_call PATH")?;
    if std::env::args().nth(2).is_some_and(|word| word == "bare") {
        return fresh::measure(|| bare::open(path.as_ref()), |&sum| Ok(sum));
    }
    // SAFETY: the file of the bench that runs this, as the writer wrote it.
    let open = || unsafe { Image::map(&path).map(|image| image.trust()) }.and_then(|image| image.open());
    let first = || {
        let code = open()?;
        match code.root::<Program<'_>>("program")?.modules[0].ops[0] {
            0 => Ok(code),
            _ => Err("another first instruction".into()),
        }
    };
    fresh::measure(first, |code| Ok(program::sum(code.root("program")?)))
}

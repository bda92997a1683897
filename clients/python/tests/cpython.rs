//! CPython's own code objects, frozen, written as an image and opened again: every field is what Python itself says of it.

use permacode::CodeArena;
use permacode::image::{Image, ImageWriter};
use permacode_python::frozen::Code;
use permacode_python::python::Python;
use permacode_python::{ORDINARY, freeze, listing, pyc};
use std::error::Error;
use std::path::Path;

/// A folder of this test, which goes with it.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new(name: &str) -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("permacode-python-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compares the image's modules with what Python prints of them.
fn compare(python: &Python, folder: &Path, modules: &[String]) -> Result<usize, Box<dyn Error>> {
    let arena = CodeArena::new()?;
    let mut writer = ImageWriter::new(&arena);
    for name in modules {
        let module = arena.load(name)?;
        let code = freeze::freeze(&module, &*pyc::read(folder, name)?)?;
        module.finish();
        writer = writer.root(name, code)?;
    }
    arena.seal()?;
    let opened = Image::open_sealed(writer.seal()?)?.check::<Code<'_>>()?.open()?;
    let mut compared = 0;
    for some in modules.chunks(50) {
        let described = python.describe(folder.as_os_str(), some)?;
        let mut theirs = described.lines();
        for name in some {
            assert_eq!(theirs.next(), Some(&*format!("module {name}")));
            let ours = listing::describe(opened.root::<Code<'_>>(name)?);
            for (number, line) in ours.lines().enumerate() {
                let same = theirs.next().ok_or("Python prints fewer lines")?;
                assert!(line == same, "{name}, line {number}:\n{line:.400}\nis not\n{same:.400}");
                compared += 1;
            }
        }
        assert_eq!(theirs.next(), None, "Python prints more lines");
    }
    Ok(compared)
}

#[test]
fn every_field_of_all_modules_of_cpythons_library_comes_back_from_an_image() -> Result<(), Box<dyn Error>> {
    let python = match Python::find() {
        Ok(python) => python,
        Err(why) => {
            println!("NOT SHOWN: {why}");
            return Ok(());
        }
    };
    let folder = Folder::new("library")?;
    let all = permacode_python::rustpython::modules(&python.library)?;
    let left_out = python.compile(python.library.as_os_str(), folder.0.as_os_str(), &[])?;
    let modules = pyc::modules(&folder.0)?;
    assert_eq!(modules.len() + left_out.len(), all.len(), "{left_out:?}");
    assert!(ORDINARY.iter().all(|name| modules.iter().any(|module| module == name)));
    let compared = compare(&python, &folder.0, &modules)?;
    println!("{} modules, {compared} fields and constants are as Python says", modules.len());
    left_out.iter().for_each(|line| println!("left out: {}", line.replace('\t', ": ")));
    Ok(())
}

#[test]
fn every_kind_of_constant_and_of_argument_comes_back_from_an_image() -> Result<(), Box<dyn Error>> {
    let Ok(python) = Python::find() else {
        println!("NOT SHOWN: there is no python3.11");
        return Ok(());
    };
    let (from, to) = (Folder::new("sources")?, Folder::new("compiled")?);
    let source = r#"
"""Text with a lone surrogate, beside others."""
surrogate = 'a\ud800b'
texts = 'plain', 'with spaces in it', 'höher', '\U0001f40d', ''
numbers = 0, -1, 2**31, -2**31, 2**62, 2**63, -2**63, -2**63 - 1, 2**200 + 7, -(10**40), True, False
floats = 0.0, -0.0, 1.5, 1e308 * 10, -(1e308 * 10), 1e308 * 10 - 1e308 * 10
complexes = 2j, -0.0j, 1.5 + 2j
others = None, ..., b'', b'\x00\xff', (), ((1,), ((2, 'x'), (3,)))
def f(a, b, /, c, d=(1, 2), *args, e, g=None, **more):
    def inner():
        nonlocal c
        c = a in {1, 'two', (3, 4), frozenset()}
        try:
            return c, e
        except (ValueError, TypeError) as error:
            raise error from None
        finally:
            del c
    return [lambda x=a: (x, inner) for _ in args]
async def g():
    async with a as b:
        yield await b
class C(object):
    __slots__ = ("x",)
"#;
    std::fs::write(from.0.join("kinds.py"), source)?;
    std::fs::write(from.0.join("none.py"), "")?;
    std::fs::write(from.0.join("wrong.py"), "def")?;
    let left_out = python.compile(from.0.as_os_str(), to.0.as_os_str(), &[])?;
    assert!(left_out.len() == 1 && left_out[0].starts_with("wrong\tSyntaxError"), "{left_out:?}");
    let modules = pyc::modules(&to.0)?;
    assert_eq!(modules, ["kinds", "none"]);
    assert!(compare(&python, &to.0, &modules)? > 150);
    Ok(())
}

//! The compiler's code objects, frozen, written as an image and opened again: every field is the compiler's.

use permacode::CodeArena;
use permacode::image::{Image, ImageWriter};
use permacode_python::frozen::{Census, Code};
use permacode_python::{RustPythonError, differs, freeze, rustpython};
use std::thread;

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Runs on a stack that the compiler's recursion does not exhaust.
fn with_stack(run: impl FnOnce() -> Outcome + Send + 'static) -> Outcome {
    let thread = thread::Builder::new().stack_size(256 << 20).spawn(run)?;
    thread.join().map_err(|_| "the thread panicked")?
}

#[test]
fn every_field_of_the_compilers_code_objects_comes_back_from_an_image() -> Outcome {
    with_stack(|| {
        let arena = CodeArena::new()?;
        let mut writer = ImageWriter::new(&arena);
        let mut compiled = Vec::new();
        for (name, path) in rustpython::modules(rustpython::library())? {
            let object = match rustpython::compile(&path) {
                Ok(object) => object,
                Err(error @ (RustPythonError::Syntax(..) | RustPythonError::Text(_))) => {
                    println!("left out: {error}");
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            let module = arena.load(&name)?;
            let code = freeze::freeze(&module, &*rustpython::tree(&object)?)?;
            module.finish();
            writer = writer.root(&name, code)?;
            compiled.push((name, object));
        }
        arena.seal()?;
        let file = writer.seal()?;
        let opened = Image::open_sealed(file)?.check::<Code<'_>>()?.open()?;
        let mut census = Census::default();
        for (name, object) in &compiled {
            let code: &Code<'_> = opened.root(name)?;
            assert_eq!(differs::differs(code, object), None, "of module {name}");
            census.add(code);
        }
        println!("{} modules: {census:?}", compiled.len());
        assert!(compiled.len() > 500 && census.codes > 10_000, "the library is there, as a whole");
        Ok(())
    })
}

#[test]
fn a_field_that_is_not_the_compilers_is_named_with_its_path() -> Outcome {
    with_stack(|| {
        let folder = std::env::temp_dir().join(format!("permacode-python-{}-fields", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let path = folder.join("m.py");
        let source = "class C:\n    def f(self, x, /, y=2, *, z=3):\n        return lambda: (x, y, z, 2**100, 1.5, 2j, b'b', 'é', None, ..., True)\n";
        std::fs::write(&path, source)?;
        let object = rustpython::compile(&path)?;
        std::fs::remove_dir_all(&folder)?;
        let arena = CodeArena::new()?;
        let module = arena.load("m")?;
        let code = freeze::freeze(&module, &*rustpython::tree(&object)?)?;
        module.seal()?;
        assert_eq!(differs::differs(code, &object), None);
        let names = [code.name];
        let units = [1, 2];
        let changed = [
            ("instructions", Code { units: &units, ..*code }),
            ("locations", Code { line_table: &[], ..*code }),
            ("flags", Code { flags: 1 << 30, ..*code }),
            ("posonlyarg_count", Code { positional_only: 9, ..*code }),
            ("arg_count", Code { arguments: 9, ..*code }),
            ("kwonlyarg_count", Code { keyword_only: 9, ..*code }),
            ("source_path", Code { file: "elsewhere", ..*code }),
            ("max_stackdepth", Code { stack_size: 999, ..*code }),
            ("qualname", Code { qualified_name: code.names[0], ..*code }),
            ("obj_name", Code { name: code.names[0], ..*code }),
            ("names", Code { names: &names, ..*code }),
            ("varnames", Code { variables: &names, kinds: &[Code::LOCAL], ..*code }),
            ("cellvars", Code { variables: &names, kinds: &[Code::CELL], ..*code }),
            ("freevars", Code { variables: &names, kinds: &[Code::FREE], ..*code }),
            ("exceptiontable", Code { exception_table: &[1], ..*code }),
            ("constants: 0 and not 3", Code { constants: &[], ..*code }),
        ];
        for (field, code) in changed {
            let found = differs::differs(&code, &object).ok_or(field)?;
            assert!(found.starts_with(&format!("<module>.{field}")), "{field}: {found}");
        }
        Ok(())
    })
}

//! [`differs`]: compares frozen code with the code object that RustPython's compiler made, field by field.
//!
//! It reads both as they are, and takes nothing from what converted the one into the other. So a field that the conversion forgets is seen here.

use crate::frozen::{Code, Const};
use rustpython_compiler::core::bytecode::{CodeObject, ConstantData};
use rustpython_compiler::core::marshal::linetable_to_locations;

/// Returns the first field that is not the compiler's, by its path from the outermost code object.
///
/// ```
/// use permacode_python::{differs, freeze, frozen, rustpython};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let path = std::env::temp_dir().join(format!("permacode-differs-{}.py", std::process::id()));
/// std::fs::write(&path, "def f(a, b=(1, 2)): return a + b")?;
/// let compiled = rustpython::compile(&path)?;
/// let arena = permacode::CodeArena::new()?;
/// let loader = arena.load("f")?;
/// let code = freeze::freeze(&loader, &*rustpython::tree(&compiled)?)?;
/// loader.seal()?;
/// assert_eq!(differs::differs(code, &compiled), None);
/// let other = frozen::Code { flags: code.flags + 1, ..*code };
/// assert_eq!(differs::differs(&other, &compiled).as_deref(), Some("<module>.flags"));
/// # std::fs::remove_file(&path)?;
/// # Ok(())
/// # }
/// ```
pub fn differs(frozen: &Code<'_>, compiled: &CodeObject) -> Option<String> {
    let CodeObject {
        instructions,
        locations,
        flags,
        posonlyarg_count,
        arg_count,
        kwonlyarg_count,
        source_path,
        first_line_number,
        max_stackdepth,
        obj_name,
        qualname,
        constants,
        names,
        varnames,
        cellvars,
        freevars,
        localspluskinds,
        linetable,
        exceptiontable,
    } = compiled; // all of them: a new one does not compile
    let equal = |ours: &mut dyn Iterator<Item = permacode::Name<'_>>, theirs: &[String]| {
        ours.map(|name| name.to_string()).eq(theirs.iter().cloned())
    };
    let line = first_line_number.map_or(0, |line| line.get());
    let same = [
        ("instructions", frozen.units == instructions.original_bytes()),
        (
            "locations",
            linetable_to_locations(frozen.line_table, frozen.first_line as i32, frozen.units.len() / 2) == *locations,
        ),
        ("flags", frozen.flags == flags.bits()),
        ("posonlyarg_count", frozen.positional_only == *posonlyarg_count),
        ("arg_count", frozen.arguments == *arg_count),
        ("kwonlyarg_count", frozen.keyword_only == *kwonlyarg_count),
        ("source_path", frozen.file == source_path),
        ("first_line_number", frozen.first_line as usize == line),
        ("max_stackdepth", frozen.stack_size == *max_stackdepth),
        ("obj_name", frozen.name.as_str() == obj_name),
        ("qualname", frozen.qualified_name.as_str() == qualname),
        ("names", equal(&mut frozen.names.iter().copied(), names)),
        ("varnames", equal(&mut frozen.variables_of(Code::LOCAL), varnames)),
        ("cellvars", equal(&mut frozen.variables_of(Code::CELL), cellvars)),
        ("freevars", equal(&mut frozen.variables_of(Code::FREE), freevars)),
        ("localspluskinds", frozen.kinds == &**localspluskinds),
        ("linetable", frozen.line_table == &**linetable),
        ("exceptiontable", frozen.exception_table == &**exceptiontable),
    ];
    let field = same.iter().find(|(_, same)| !same).map(|(field, _)| format!("{obj_name}.{field}"));
    field.or_else(|| all_differ(frozen.constants, constants).map(|path| format!("{obj_name}.constants{path}")))
}

fn all_differ(frozen: &[Const<'_>], compiled: &[ConstantData]) -> Option<String> {
    if frozen.len() != compiled.len() {
        return Some(format!(": {} and not {}", frozen.len(), compiled.len()));
    }
    let mut pairs = frozen.iter().zip(compiled).enumerate();
    pairs.find_map(|(place, (ours, theirs))| constant_differs(ours, theirs).map(|path| format!("[{place}]{path}")))
}

fn constant_differs(frozen: &Const<'_>, compiled: &ConstantData) -> Option<String> {
    let same = match (frozen, compiled) {
        (Const::None, ConstantData::None) | (Const::Ellipsis, ConstantData::Ellipsis) => true,
        (Const::Bool(ours), ConstantData::Boolean { value }) => ours == value,
        (Const::Int(ours), ConstantData::Integer { value }) => ours.to_string() == value.to_string(),
        (Const::Big(negative, digits), ConstantData::Integer { value }) => {
            let mut ours = String::from(if *negative { "-" } else { "" });
            ours.extend(digits.last().map(|digit| format!("{digit:x}")));
            ours.extend(digits.iter().rev().skip(1).map(|digit| format!("{digit:08x}")));
            ours == value.to_str_radix(16)
        }
        (Const::Float(ours), ConstantData::Float { value }) => ours.to_bits() == value.to_bits(),
        (Const::Complex(real, imaginary), ConstantData::Complex { value }) => {
            real.to_bits() == value.re.to_bits() && imaginary.to_bits() == value.im.to_bits()
        }
        (Const::Text(ours), ConstantData::Str { value }) => ours.as_bytes() == value.as_bytes(),
        (Const::Surrogates(ours), ConstantData::Str { value }) => *ours == value.as_bytes(),
        (Const::Bytes(ours), ConstantData::Bytes { value }) => ours == value,
        (Const::Tuple(ours), ConstantData::Tuple { elements })
        | (Const::FrozenSet(ours), ConstantData::Frozenset { elements }) => return all_differ(ours, elements),
        (Const::Slice(ours), ConstantData::Slice { elements }) => return all_differ(ours, &elements[..]),
        (Const::Code(ours), ConstantData::Code { code }) => {
            return differs(ours, code).map(|path| format!(" {path}"));
        }
        _ => false,
    };
    (!same).then(|| format!(": {frozen:?} and not {compiled:?}"))
}

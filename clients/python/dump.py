"""Writes what CPython 3.11 makes of its library, for permacode-python.

    python3.11 dump.py compile FOLDER TO [MODULE ...]   compiles each .py below FOLDER into TO, as .pyc, and prints what it left out
    python3.11 dump.py describe FOLDER MODULE ...       prints every field of the code objects of .pyc files below FOLDER

A .pyc is 16 bytes of header and a code object by `marshal`. `describe` reads code objects by their attributes only, so that it can be compared with
what others read in the same files.
"""

import importlib.util
import marshal
import os
import struct
import sys
import types
import warnings


def modules_of(folder):
    """The modules below a folder, with their files, sorted by name."""
    found = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("__pycache__", "dist-packages", "site-packages")]
        for file in files:
            if file.endswith(".py"):
                path = os.path.join(at, file)
                name = os.path.relpath(path, folder)[:-3].replace(os.sep, ".")
                found[name.removesuffix(".__init__")] = path
    return dict(sorted(found.items()))


def compile_all(folder, to, wanted):
    for name, path in modules_of(folder).items():
        if wanted and name not in wanted:
            continue
        with open(path, "rb") as file:
            source = file.read()
        try:
            code = compile(source, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            print(name, error.__class__.__name__, error, sep="\t")
            continue
        seen = os.stat(path)
        header = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(seen.st_mtime) & 0xFFFFFFFF, seen.st_size & 0xFFFFFFFF)
        with open(os.path.join(to, name + ".pyc"), "wb") as file:
            file.write(header + marshal.dumps(code))


def text(value):
    return value.encode("utf-8", "surrogatepass").hex()


def constant(value, indent):
    """The lines that describe a constant."""
    if value is None:
        return [indent + "None"]
    if value is ...:
        return [indent + "Ellipsis"]
    if isinstance(value, bool):
        return [indent + f"bool {value}"]
    if isinstance(value, int):
        return [indent + f"int {value:x}"]
    if isinstance(value, float):
        return [indent + f"float {struct.pack('>d', value).hex()}"]
    if isinstance(value, complex):
        return [indent + f"complex {struct.pack('>d', value.real).hex()} {struct.pack('>d', value.imag).hex()}"]
    if isinstance(value, str):
        return [indent + f"str {text(value)}"]
    if isinstance(value, bytes):
        return [indent + f"bytes {value.hex()}"]
    if isinstance(value, tuple):
        lines = [indent + f"tuple {len(value)}"]
        for inner in value:
            lines += constant(inner, indent + " ")
        return lines
    if isinstance(value, frozenset):
        inner = sorted("\n".join(constant(each, indent + " ")) for each in value)
        return [indent + f"frozenset {len(value)}"] + inner
    if isinstance(value, types.CodeType):
        return describe(value, indent)
    raise TypeError(f"a constant of type {type(value)}")


def describe(code, indent=""):
    """The lines that describe a code object: each field by its name in Python."""
    lines = [indent + "code"]
    indent += " "
    for name in ("co_argcount", "co_posonlyargcount", "co_kwonlyargcount", "co_stacksize", "co_flags", "co_firstlineno"):
        lines.append(f"{indent}{name} {getattr(code, name)}")
    for name in ("co_name", "co_qualname", "co_filename"):
        lines.append(f"{indent}{name} {text(getattr(code, name))}")
    for name in ("co_code", "co_linetable", "co_exceptiontable"):
        lines.append(f"{indent}{name} {getattr(code, name).hex()}")
    for name in ("co_names", "co_varnames", "co_cellvars", "co_freevars"):
        lines.append(" ".join([f"{indent}{name}", *map(text, getattr(code, name))]))
    lines.append(f"{indent}co_consts {len(code.co_consts)}")
    for value in code.co_consts:
        lines += constant(value, indent + " ")
    return lines


def describe_all(folder, wanted):
    for name in wanted:
        with open(os.path.join(folder, name + ".pyc"), "rb") as file:
            code = marshal.loads(file.read()[16:])
        print("module", name)
        print("\n".join(describe(code)))


if __name__ == "__main__":
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"dump.py: this is Python {sys.version.split()[0]}, and code objects differ in each: run it by python3.11")
    warnings.simplefilter("ignore")
    match sys.argv[1:]:
        case ["compile", folder, to, *wanted]:
            compile_all(folder, to, set(wanted))
        case ["describe", folder, *wanted]:
            describe_all(folder, wanted)
        case _:
            sys.exit(__doc__)

# The commands that people repeat, for `just` (https://just.systems). Each line can be typed by hand as well.

# Shows this list.
default:
    @just --list

# Runs the main job: Lua out of sealed pages in four forked workers.
prefork *arguments:
    cargo run --release --example prefork -- {{ arguments }}

# Runs the units of the library: the smallest test command.
units:
    cargo test -p permacode --lib

# Runs one test binary of the library, or the tests in it whose names contain FILTER.
test binary *filter:
    cargo test -p permacode --test {{ binary }} -- {{ filter }}

# Runs all tests.
all:
    cargo test

# Runs the examples in the documentation whose place contains FILTER: `just doctests guide`.
doctests *filter:
    cargo test -p permacode --doc -- {{ filter }}

# Formats, and looks for what clippy, the layers and the prose check find.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings
    .ci/layers
    .ci/prose

# Makes the documentation, guide and reference, and opens it.
docs:
    cargo doc --no-deps --open -p permacode --features fault-report,image,residency,testing

# Rewrites the expected errors of programs that must not compile. Read the difference before you commit it.
bless:
    TRYBUILD=overwrite cargo test -p permacode --test compile_fail

# Tries the lock-free protocols in every order of threads and memory.
loom:
    cargo test -p permacode-loom --release

# Fuzzes one target for a minute (nightly and a C++ compiler): code_ops, collect_ops, heap_ops, image_bytes, ref_ops, side_ops, sweep_ops.
fuzz target:
    cargo +nightly fuzz run {{ target }} -- -max_total_time=60 -len_control=0 -max_len=2048

# Runs one bench: calls, code, seal, hardening, lifecycle, caches. Those with peers are packages: see BENCHMARKS.md.
bench name *arguments:
    cargo bench --bench {{ name }} -- {{ arguments }}

# Draws the README's picture anew.
picture:
    cargo run --release --example workers -- --svg src/guide/workers.svg

# Runs everything that must hold, as CI does.
ci:
    .ci/run

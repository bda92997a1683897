#!/usr/bin/env bash
# All that BENCHMARKS.md says of the heap, in one build with default settings: speed (N13, N14), instructions (N15), memory (N16), a full
# heap (N22), memory over time (N20), then marks in a forked child (N18) and a gibibyte that goes back by itself (N21). An hour on an idle
# machine. Arguments are for both benches: `--rounds 1 --only 6` is quick, but for N21, which takes four minutes.
#
# Needs a C compiler. valgrind counts the instructions. With CMake and a C++ compiler snmalloc is there as well.
set -euo pipefail
cd "$(dirname "$0")/.."

others=()
command -v cmake >/dev/null && command -v c++ >/dev/null && others=(--features snmalloc)

cargo bench -p permacode-heap-bench "${others[@]}" -- "$@"
echo
cargo test --release -p permacode --test heap marking_everything -- --nocapture
cargo test --release -p permacode --test heap khugepaged -- --ignored --nocapture --test-threads 1

#!/usr/bin/env bash
# Instructions for one object that is allocated, marked, swept: by hand, by the kit, by gc-arena. A binary tree of 65,535 nodes of three words.
#
# valgrind counts whole runs: one that builds the tree, one that also collects with the tree as its root, and one that collects without a root.
# "Allocated" is the difference of two depths. "Marked" and "swept" are differences to the first run: a collection that finds all, or nothing.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "collect.sh needs valgrind (on Debian: apt-get install valgrind)" >&2; exit 1; }
built=$(cargo bench -p permacode-collect-bench --no-run 2>&1) || { echo "$built" >&2; exit 1; }
program=$(sed -n 's/.*Executable.*(\(.*\)).*/\1/p' <<<"$built")

count() { # subject phase depth
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --bench --subject "$1" --phase "$2" --depth "$3" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

echo "| instructions an object | allocated | marked | swept |"
echo "| --- | --- | --- | --- |"
for subject in hand kit gc-arena; do
    small=$(count "$subject" build 14) build=$(count "$subject" build 15)
    mark=$(count "$subject" mark 15) sweep=$(count "$subject" sweep 15)
    awk -v name="$subject" -v small="$small" -v build="$build" -v mark="$mark" -v sweep="$sweep" 'BEGIN {
        printf "| %s | %.1f | %.1f | %.1f |\n", name, (build - small) / 32768, (mark - build) / 65535, (sweep - build) / 65535
    }'
done

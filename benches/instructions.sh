#!/usr/bin/env bash
# Instructions for one allocation, counted by valgrind: the difference of two runs of different length, so that starting the program
# does not count. Refills of the arena and memcpy do; the loop around the allocation is subtracted.
set -eu
cd "$(dirname "$0")/.."

command -v valgrind >/dev/null || { echo "instructions.sh needs valgrind (on Debian: apt-get install valgrind)" >&2; exit 1; }

build() { # bench
    built=$(cargo bench --bench "$1" --no-run 2>&1) || { echo "$built" >&2; exit 1; }
    program=$(sed -n 's/.*Executable.*(\(.*\)).*/\1/p' <<<"$built")
}

build instructions
few=20000 many=120000

count() { # kind times
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" --bench --kind "$1" --times "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

echo "| allocation | instructions |"
echo "| --- | --- |"
"$program" --bench | while read -r kind name; do
    difference=$(($(count "$kind" "$many") - $(count "$kind" "$few")))
    if [ "$kind" = 0 ]; then loop=$difference; continue; fi
    awk -v name="$name" -v all="$((difference - loop))" -v times="$((many - few))" \
        'BEGIN { printf "| %s | %.1f |\n", name, all / times }'
done

# A call of `benches/caches.rs`, whole: one pass is 100 calls.
build caches
few=100 many=1100
echo
echo "| caches | instructions a call |"
echo "| --- | --- |"
"$program" --bench --kinds 1 | while read -r kind name; do
    awk -v name="$name" -v all="$(($(count "$kind" "$many") - $(count "$kind" "$few")))" -v calls="$(((many - few) * 100))" \
        'BEGIN { printf "| %s | %.0f |\n", name, all / calls }'
done

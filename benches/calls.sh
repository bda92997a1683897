#!/usr/bin/env bash
# Instructions of one call of a short function, by how it holds its code: exact, whatever else the machine does. callgrind says how often
# each instruction of the program ran, objdump what it is; the difference of two runs of different length, so that starting the program
# does not count. x86-64.
#
# all      instructions of a call, the loop around it included (the same for all)
# inside   of these, in `run`, the frame's dispatch loop
# atomic   with a lock prefix, or an exchange with memory, which locks by itself
# stores   to memory other than the stack: to code, or to a count
set -eu
cd "$(dirname "$0")/.."

[ "$(uname -m)" = x86_64 ] || { echo "calls.sh reads x86-64 instructions" >&2; exit 1; }
command -v valgrind >/dev/null || { echo "calls.sh needs valgrind (on Debian: apt-get install valgrind)" >&2; exit 1; }
command -v objdump >/dev/null || { echo "calls.sh needs objdump (on Debian: apt-get install binutils)" >&2; exit 1; }

built=$(cargo bench --bench calls --no-run 2>&1) || { echo "$built" >&2; exit 1; }
program=$(sed -n 's/.*Executable.*(\(.*\)).*/\1/p' <<<"$built")
few=16000 many=96000
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

# A line for each instruction: its address, and what is to be known of it.
objdump -d --no-show-raw-insn "$program" | awk '
    /^[0-9a-f]+ <.*>:$/ { run = /calls4code3run/; next }
    /^ +[0-9a-f]+:\t/ {
        address = $1; sub(":", "", address)
        text = $0; sub(/^[^\t]*\t/, "", text); sub(/ *[#<].*/, "", text)
        lock = text ~ /^lock /; sub(/^((lock|rep|repz|data16|cs) +)+/, "", text)
        name = text; sub(/ .*/, "", name)
        into = text ~ /\)$/      # the last operand, where AT&T syntax has the destination, is memory
        exchange = name ~ /^xchg/ && text ~ /\(/
        writes = lock || exchange || (into && name !~ /^(cmp|test|bt[lqw]?$|call|jmp|push|nop|prefetch|mul|imul|div|idiv|ucomis|comis)/)
        writes = writes || name ~ /^(stos|movs[bwlq]$)/
        print address, run + 0, (lock || exchange) + 0, (writes && text !~ /\(%rsp[^()]*\)$/) + 0
    }' >"$work/known"

count() { # kind times: instructions, those in `run`, atomic ones, stores
    valgrind --quiet --tool=callgrind --dump-instr=yes --dump-line=no --compress-pos=no --compress-strings=no \
        --callgrind-out-file="$work/counts" "$program" --bench --kind "$1" --times "$2"
    awk -v program="/${program##*/}" '
        FNR == NR { known[$1] = $2 " " $3 " " $4; next }
        /^ob=/ { ours = index($0, program) > 0; next }
        /^calls=/ { getline; next }        # the callee counts for itself
        /^0x/ {
            all += $2
            address = substr($1, 3)
            if (!ours || !(address in known)) next
            split(known[address], is, " ")
            run += $2 * is[1]; atomic += $2 * is[2]; stores += $2 * is[3]
        }
        END { print all, run, atomic, stores }' "$work/known" "$work/counts"
}

echo "| holder | all | inside | atomic | stores |"
echo "| --- | --- | --- | --- | --- |"
"$program" --bench --list 1 | while read -r kind name; do
    echo "$name;$(count "$kind" "$few") $(count "$kind" "$many")" | awk -F';' -v times="$((many - few))" '
        { split($2, n, " ")
          printf "| %s | %.1f | %.1f | %.1f | %.1f |\n", $1, (n[5] - n[1]) / times, (n[6] - n[2]) / times, (n[7] - n[3]) / times, (n[8] - n[4]) / times }'
done

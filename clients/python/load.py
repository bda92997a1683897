"""What a process of CPython needs for the .pyc files below a folder: the same measures as permacode-python's own workers, by the same protocol.

    python3.11 load.py FOLDER LIST        LIST has a line for each module, which begins with its name

Prints a line of measures, waits for a line of input, drops the code objects, and prints how long that took.
"""

import gc
import marshal
import os
import sys
import time
import types

folder = sys.argv[1]
with open(sys.argv[2]) as lines:
    names = [line.split("\t")[0] for line in lines]


def kilobytes():
    with open("/proc/self/smaps_rollup") as file:
        fields = dict(line.split()[:2] for line in file.readlines()[1:])
    return int(fields["Anonymous:"])


def faults():
    with open("/proc/self/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[7]) + int(fields[9])


def mappings():
    with open("/proc/self/maps") as file:
        return len(file.readlines())


def load(name):
    with open(os.path.join(folder, name + ".pyc"), "rb") as file:
        return marshal.loads(memoryview(file.read())[16:])


def read(code):
    """Looks at all that a code object leads to."""
    total = len(code.co_code) + len(code.co_linetable) + len(code.co_exceptiontable) + len(code.co_names)
    for value in code.co_consts:
        total += read(value) if isinstance(value, types.CodeType) else 1
    return total


def microseconds(seconds):
    return seconds * 1e6


gc.disable()
before = (kilobytes(), faults(), mappings())
start, busy = time.perf_counter(), time.process_time()
codes = [load(names[0])]
first = time.perf_counter() - start
codes += [load(name) for name in names[1:]]
loaded, loaded_busy = time.perf_counter() - start, time.process_time() - busy
load_faults = faults() - before[1]
for code in codes:
    read(code)
busy = time.process_time() - busy
after = (kilobytes(), faults(), mappings())
print(
    microseconds(first), microseconds(loaded), microseconds(loaded_busy), load_faults,
    microseconds(busy), after[1] - before[1], after[0] - before[0], after[2] - before[2], flush=True,
)
sys.stdin.readline()
busy = time.process_time()
del codes, code
print(microseconds(time.process_time() - busy), flush=True)
os._exit(0)

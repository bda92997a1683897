"""What a process of CPython needs for some modules: the same measures as permacode-python's own workers, by the same protocol.

    python3.11 load.py decode FOLDER LIST        reads the .pyc files below FOLDER
    python3.11 load.py compile LIST              compiles the sources, and keeps the code objects

LIST has a line for each module, with its name first, and its source fourth and last.

Prints a line of measures, waits for a line of input, drops the code objects, and prints how long that took.
"""

import gc
import marshal
import os
import sys
import time
import types
import warnings


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


def decode(path):
    with open(path, "rb") as file:
        return marshal.loads(memoryview(file.read())[16:])


def compile_source(path):
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def read(code):
    """Looks at all that a code object leads to."""
    total = len(code.co_code) + len(code.co_linetable) + len(code.co_exceptiontable) + len(code.co_names)
    for value in code.co_consts:
        total += read(value) if isinstance(value, types.CodeType) else 1
    return total


def microseconds(seconds):
    return seconds * 1e6


match sys.argv[1:]:
    case ["decode", folder, file]:
        load = decode
    case ["compile", file]:
        load, folder = compile_source, None
    case _:
        sys.exit(__doc__)
with open(file) as lines:
    entries = [line.rstrip("\n").split("\t", 3) for line in lines]
paths = [os.path.join(folder, entry[0] + ".pyc") if folder else entry[3] for entry in entries]
warnings.simplefilter("ignore")  # of the compiler's, which nobody would read
gc.disable()
before = (kilobytes(), faults(), mappings())
start, busy = time.perf_counter(), time.process_time()
codes = [load(paths[0])]
first = time.perf_counter() - start
codes += [load(path) for path in paths[1:]]
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

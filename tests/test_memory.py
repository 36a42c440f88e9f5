import platform
import subprocess
import sys

from pytest import mark

GLIBC = platform.libc_ver()[0] == "glibc"
CODE = """
from harness.memory import return_large_blocks
import ctypes
said = return_large_blocks()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

before, blocks = resident(), []
for _ in range(8):
    block = libc.malloc(12 << 20)
    ctypes.memset(block, 1, 12 << 20)
    blocks.append((block, libc.malloc(64)))
for block, _ in blocks:
    libc.free(block)
print(said, resident() - before < 12 << 20)
"""


@mark.skipif(not GLIBC, reason="the switch is glibc's")
def test_freed_blocks_leave_the_process_although_small_ones_stay():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]

"""Large blocks go back to the system when they are freed, in a process that streams matrices.

glibc maps a block on its own above a threshold that rises to 32 MB as blocks are freed; chunks of 22 MB then come from the heap,
where small results kept in between keep their place from being used again. Peaks of a diff at 4096 x 11008 were .81-1.08 GiB in
twelve runs, and .73-.80 with a fixed threshold. Below it, where mapping anew would cost page faults, nothing changes.
"""

import ctypes

THRESHOLD = 2**23
M_MMAP_THRESHOLD = -3  # of malloc.h


def return_large_blocks(threshold: int = THRESHOLD) -> bool:
    """Fix the threshold of this process, in bytes; False where the C library has no such switch (it is glibc's)."""
    try:
        return bool(ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, threshold))
    except (OSError, AttributeError):
        return False

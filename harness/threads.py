"""Thread counts and offline switches, set before torch is imported.

Idle OpenMP threads spin: a forward and backward pass that costs 2.6 CPU-seconds on one thread costs 24 on two when another
process is busy. So idle threads are told to sleep, and every process computes on one thread unless HARNESS_THREADS says
otherwise. One thread also makes `pytest -n 2` equal to a serial run bit for bit.
"""

import os
import sys


def count() -> int:
    """Threads a process computes on: HARNESS_THREADS, else 1."""
    return max(1, int(os.environ.get("HARNESS_THREADS", "1")))


def configure(*, hub: bool = False) -> None:
    """Set the environment (and torch, where it is loaded already); safe to call again.

    Args:
        hub: let the model libraries look a name up on the hub; without it every load is offline, so that
            a missing local file fails at once instead of after a time-out.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(count())
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(name, "0" if hub else "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if "torch" in sys.modules and sys.modules["torch"].get_num_threads() != count():
        sys.modules["torch"].set_num_threads(count())

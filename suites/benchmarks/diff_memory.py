"""Peak resident memory of a process that reads a pair of checkpoints as `harness diff` does, one process and no null draws.

The high-water mark VmHWM of /proc/self/status, of a process of its own: it counts torch and the interpreter (220 MiB) and the
mapped pages of the matrix that is read, and nothing of the process that asks. Linux only.

    python -m suites.benchmarks.diff_memory BASE TUNED [REGEX [DRAWS]]
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def peak(base: Path, tuned: Path, where: str = "", draws: int = 0) -> float:
    """GiB of a fresh process that reads every matrix in whose name `where` is found."""
    command = [sys.executable, "-m", "suites.benchmarks.diff_memory", str(base), str(tuned), where, str(draws)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(done.stdout)


def main(base: str, tuned: str, where: str = "", draws: str = "0") -> None:
    """Read, and print the peak."""
    from harness import threads

    threads.configure()
    from harness.engine.matrix_rows import MatrixReader
    from harness.models.pair import Pair

    pair = Pair(base, tuned, where=where or None)
    for entry in pair.entries:
        reader = MatrixReader(pair.base(entry))
        for _ in reader.rows(pair.tuned(entry), draws=int(draws)):
            pass
        del reader  # else two matrices would be held while the next one is read
    status = Path("/proc/self/status").read_text(encoding="ascii")
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    print(int(line.split()[1]) / 2**20)


if __name__ == "__main__":
    main(*sys.argv[1:])

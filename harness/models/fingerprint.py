"""Which files a checkpoint is made of: a short hash of their names, sizes and times, so that two checkpoints are told apart.

Not of what the files hold: reading 15 GB to name them would take longer than measuring them. A copy with new times counts as
another checkpoint.
"""

import hashlib
from pathlib import Path

from harness.errors import ModelError

DIGITS = 16


def fingerprint(path: str | Path) -> str:
    """16 hex digits of a file, or of the files that lie directly in a folder.

    Raises:
        ModelError: there is nothing at the path, or it cannot be read.
    """
    path = Path(path).expanduser()
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        stats = [(file.name, file.stat()) for file in files if not file.is_dir()]
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}): check the path and its permissions.") from error
    text = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats])
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]

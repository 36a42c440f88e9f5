"""Where the harness keeps what it can make again: converted models and trained runs. Stdlib only."""

import os
from pathlib import Path


def cache_dir() -> Path:
    """Absolute path of the cache; it need not exist yet.

    HARNESS_CACHE where it is set (a relative path counts from the working directory), else `.cache/harness` in the
    checkout this file belongs to, else, for an installed package, in the working directory.
    """
    chosen = os.environ.get("HARNESS_CACHE")
    if chosen:
        return Path(chosen).expanduser().absolute()
    checkout = Path(__file__).resolve().parents[2]
    root = checkout if (checkout / "pyproject.toml").is_file() else Path.cwd()
    return root / ".cache" / "harness"

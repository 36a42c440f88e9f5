"""Which files a checkpoint is made of, and which weights it holds: two hashes to tell checkpoints apart.

    fingerprint   of the files' names, sizes and times: reading 15 GB to name them would take longer than measuring them. A copy
                  with new times counts as another checkpoint
    content       of the tensors: names, dtypes, shapes and bytes, in the order of names. A copy, or other shards, are the same
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


def content(path: str | Path) -> str:
    """SHA-256 in hex of all tensors of a model folder or a file of weights; reads every byte, one tensor at a time.

    Raises:
        ModelError: it is no such thing, or cannot be read.
    """
    import torch
    from harness.models.side import open_weights

    weights, digest = open_weights(Path(path).expanduser()), hashlib.sha256()
    for name in sorted(weights.shapes):
        tensor = weights.tensor(name).contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(memoryview(tensor.reshape(-1).view(torch.uint8).numpy()))
    return digest.hexdigest()

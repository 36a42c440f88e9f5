"""Results remembered by the content of the tensor they were computed from.

Claims, arms, nulls and plants read the same base matrices again and again; a decomposition costs 50-200 ms, hashing the
matrix 5 ms. The key is the bytes with shape and dtype, so a tensor that was copied, reloaded or handed on is found, and
one that was changed in place is not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from hashlib import blake2b
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def content_key(tensor: Tensor) -> str:
    """Hash of a tensor's values, shape and dtype; the device plays no part."""
    flat = tensor.detach().cpu().contiguous().flatten()
    digest = blake2b(f"{tuple(tensor.shape)} {tensor.dtype}".encode(), digest_size=16)
    digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


class ContentCache:
    """Least recently used results, limited in bytes. Not shared between processes.

    Args:
        limit_bytes: what to hold at most. A model larger than that, read matrix by matrix in a cycle, gains nothing.
    """

    def __init__(self, limit_bytes: int = 512 * 2**20) -> None:
        self.limit_bytes = limit_bytes
        self._held: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._bytes = 0

    def get(self, tensor: Tensor, what: Hashable, compute: Callable[[], T], size: Callable[[T], int]) -> T:
        """The result called `what` of this tensor, computed on first use.

        Args:
            tensor: whose content is the key.
            what: which result, with its parameters.
            compute: makes the result.
            size: bytes of a result.
        """
        key = (content_key(tensor), str(tensor.device), what)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][0]
        result = compute()
        self._held[key] = (result, size(result))
        self._bytes += size(result)
        while self._bytes > self.limit_bytes and len(self._held) > 1:
            _, (_, dropped) = self._held.popitem(last=False)
            self._bytes -= dropped
        return result

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._held)


SHARED = ContentCache()

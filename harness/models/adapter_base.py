"""Which base an adapter was trained on, by what its folder says, and whether that is the base at hand.

    base_sha256                in the metadata of its weights' file: `fingerprint.content` of the base
    base_model_name_or_path    in its config: a folder here, or a hub id that lies in the hub's cache

Shapes are equal within a family of checkpoints (base, instruct, last month's), so an adapter fits all of them, and its update
means something on one. A named folder is compared with the base at hand on one matrix of every module, bit by bit in the
narrower of two dtypes; a name that leads nowhere says nothing.

Trap: a fine-tune that leaves all of those matrices as they were is taken for its base.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError
from harness.models.fingerprint import content

if TYPE_CHECKING:
    from harness.models.pair import Entry

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
KEY = "base_sha256"


def other_base(base: str | Path, tuned: str | Path) -> str | None:
    """A sentence where the adapter says that it is of another base; None for no adapter, or none that says so. Never an error."""
    base, folder = Path(base).expanduser(), Path(tuned).expanduser()
    try:
        why = _why(base, folder) if (folder / CONFIG).is_file() else None
    except (ModelError, OSError):
        return None
    return why and f"{folder} is an adapter of another base than {base} ({why}): on this one its update means nothing."


def _why(base: Path, folder: Path) -> str | None:
    wanted = _metadata(folder / WEIGHTS).get(KEY)
    if wanted:
        return None if wanted == content(base) else f"its {KEY} is {wanted[:12]}..., not that of these weights"
    named = _named(folder)
    if named is None or named.resolve() == base.resolve():
        return None
    differing = _first_difference(base, named)
    return differing and f"its config names {named}, and {differing} differs there"


def _metadata(file: Path) -> dict[str, str]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as tensors:
            return tensors.metadata() or {}
    except (SafetensorError, OSError):
        return {}


def _named(folder: Path) -> Path | None:
    """The folder of the base that its config names."""
    try:
        config: Any = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return None
    name = config.get("base_model_name_or_path") if isinstance(config, dict) else None
    if not isinstance(name, str) or not name:
        return None
    if (here := Path(name).expanduser()).is_dir():
        return here
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(name, "config.json", revision=config.get("revision") or "main")
    except (HFValidationError, ValueError, TypeError):
        return None
    return Path(found).parent if isinstance(found, str) else None


def _first_difference(base: Path, named: Path) -> str | None:
    """A matrix that the two do not share, of one of every module."""
    import torch
    from harness.models.pair import Pair
    from harness.models.sample import first_of_each

    pair = Pair(base, named)

    def differs(entry: "Entry") -> bool:
        one, other = pair.base(entry), pair.tuned(entry)
        dtype = min((one.dtype, other.dtype), key=lambda each: each.itemsize)
        return not torch.equal(one.to(dtype), other.to(dtype))

    return next((entry.name for entry in first_of_each(pair.entries, 1) if differs(entry)), None)

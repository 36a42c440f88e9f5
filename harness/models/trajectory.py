"""The checkpoints of one training run, by step."""

import re
from pathlib import Path

from harness.errors import ModelError
from harness.models.adapter import CONFIG as ADAPTER_CONFIG

STEP = re.compile(r"(?:.*[-_.])?(?:step|iter|epoch|checkpoint|ckpt)?(?P<step>\d+)", re.IGNORECASE)
SHARD = re.compile(r".*-of-\d+")
INSIDE = ("", "actor", "actor/huggingface", "huggingface", "hf", "policy", "model")


def trajectory(folder: str | Path) -> list[tuple[int, Path]]:
    """Steps and where their weights are, rising.

    A step is a sub-folder whose name ends in a number (checkpoint-100, step_200, 300, global_step_50), or a safetensors file
    whose name does (weights-000100.safetensors, as runs here keep them). Of a sub-folder it is the folder itself, or the first
    of actor, actor/huggingface, huggingface, hf, policy and model in it that has a config; where none has, the folder itself,
    which then says what is missing when it is read.

    Raises:
        ModelError: no such folder, no step in it, or two of one number.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder: give the one that holds a run's checkpoints.")
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        is_weights = path.is_file() and path.suffix == ".safetensors" and not SHARD.fullmatch(path.stem)
        match = STEP.fullmatch(path.name if path.is_dir() else path.stem) if path.is_dir() or is_weights else None
        if not match:
            continue
        step = int(match["step"])
        if step in found:
            raise ModelError(f"{folder} has two checkpoints of step {step}: move {path.name} elsewhere.")
        found[step] = _with_weights(path) if path.is_dir() else path
    if not found:
        raise ModelError(f"{folder} holds no checkpoints: its sub-folders must end in a step, as in checkpoint-100.")
    return sorted(found.items())


def _with_weights(folder: Path) -> Path:
    configs = ("config.json", ADAPTER_CONFIG)
    return next((folder / each for each in INSIDE if any((folder / each / name).is_file() for name in configs)), folder)

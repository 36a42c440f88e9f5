"""A PEFT folder as the tuned side of a pair: merged matrix by matrix when read, never on disk.

    LoRA   W1 = W0 + s B A            s = alpha / r, or alpha / sqrt(r) with rsLoRA; alpha and r by module where patterns say so
    DoRA   W1 = diag(m / |W0 + s B A|_row) (W0 + s B A)
    OFT, LoKr, VeRA, ...   what peft's layer computes (peft_layers.py)

What PEFT's merge_and_unload gives, bit for bit on an fp32 base. On a bf16 base the sum stays in fp32, unlike there: rounding it
would bury an update of rank r under noise of full rank, and a served adapter is not rounded either. Matrices trained whole
(`modules_to_save`) replace the base's; untouched ones are the base's.

Refused: tuners whose layers are built from W0 (PSOFT, OSF, ...) or whose update is no matrix (prompts, routed ones), variants of
LoRA that do more than the above, and those whose start changed the base too (PiSSA, OLoRA, ...), unless PEFT converted them when
it saved them.
"""

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import ModelError
from harness.models import layout
from harness.models.layout import Piece, Place
from harness.models.peft_layers import PREFIXES, PeftLayers
from harness.models.side import FLOATS, StoredSide, TensorFile
from harness.models.tuner_table import TUNERS

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = "adapter_config.json"
FILES = ("adapter_model.safetensors", "adapter_model.bin")
PART = re.compile(r"(?P<module>.+)\.lora_(?P<part>A|B|magnitude_vector)(?:\.(?!weight|bias)\w+)?(?:\.weight)?")
IGNORED = re.compile(r".+\.(?:lora_embedding_[AB]|lora_B(?:\.\w+)?\.bias|token_adapter\..+|base_layer\.weight)")
CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
VARIANTS = (
    "use_qalora",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
    "alora_invocation_tokens",
    "layer_replication",
    "target_parameters",
)
IN_TABLE = {"multitask_prompt_tuning": "mpt"}
"""Tuners whose name in TUNERS is not PEFT's."""

MERGE = "merge it with PEFT's merge_and_unload and give the folder that saves"


class Lora(NamedTuple):
    """One module's adapter: names of its tensors in the adapter's file, and s."""

    down: str
    up: str
    magnitude: str | None
    scale: float


class Adapter:
    """A side: the base with an adapter on it.

    Args:
        folder: with adapter_config.json and adapter_model.safetensors (or .bin, weights only).
        base: what it was trained on.

    Attributes: as `StoredSide`.

    Raises:
        ModelError: no or damaged files, a kind of adapter that is refused, or one that does not fit the base.
    """

    def __init__(self, folder: Path, base: StoredSide) -> None:
        self.path = folder
        self.pieces = base.pieces
        self.left_out = base.left_out
        self._base = base
        config = _config(folder)
        self._weights = _weights(folder)
        self._named = _by_name(base.pieces)
        self._loras: dict[Place, Lora] = {}
        self._wrapped: dict[Place, str] = {}
        self._replaced: dict[Place, Piece] = {}
        self._layers = None if config["peft_type"] == "LORA" else PeftLayers(folder, config["peft_type"], self._weights)
        if self._layers is None:
            for module, parts in _modules(self._weights).items():
                self._adapt(module, _lora(folder, module, parts, self._weights, config))
        else:
            self._wrap(self._layers)
        for name in self._weights.shapes:
            if name.endswith(".weight") and not self._is_own(name) and not IGNORED.fullmatch(name):
                self._replace(name)
        if not self._loras and not self._wrapped and not self._replaced:
            raise ModelError(f"{folder} changes no matrix inside the layers of {base.path}: there is nothing to compare.")

    def dtype(self, piece: Piece) -> str:
        """fp32 where the adapter adds to the matrix (fp64 stays), else what is stored."""
        if piece.place in self._replaced:
            return self._weights.shapes[self._replaced[piece.place].tensor].dtype
        stored = self._base.dtype(piece)
        return "float32" if self._changes(piece) and stored != "float64" else stored

    def bytes(self, piece: Piece) -> int:
        """What is read: the base's matrix and the adapter's factors."""
        if piece.place in self._replaced:
            found = self._weights.shapes[self._replaced[piece.place].tensor]
            return found.bytes * math.prod(piece.shape) // math.prod(found.shape)
        lora, module = self._loras.get(piece.place), self._wrapped.get(piece.place)
        factors = sum(self._weights.shapes[name].bytes for name in (lora.down, lora.up)) if lora else 0
        return self._base.bytes(piece) + factors + (self._layers.bytes(module) if self._layers and module else 0)

    def storage(self, piece: Piece) -> object:
        """The base's: what is tied there is tied here, unless the adapter changed it."""
        return None if self._changes(piece) or piece.place in self._replaced else self._base.storage(piece)

    def matrix(self, piece: Piece) -> "Tensor":
        """The merged piece (out, in), contiguous, CPU. ModelError: a file changed or cannot be read any more."""
        if piece.place in self._replaced:
            return layout.assemble(self._replaced[piece.place], self._weights.tensor)
        if piece.place in self._wrapped:
            return self._computed(piece, self._wrapped[piece.place])
        weight = self._base.matrix(piece)
        lora = self._loras.get(piece.place)
        return weight if lora is None else self._merged(weight, piece, lora)

    def _merged(self, weight: "Tensor", piece: Piece, lora: Lora) -> "Tensor":
        import torch

        def rows(tensor: "Tensor") -> "Tensor":
            return piece.rows.take(tensor) if piece.rows and len(tensor) != piece.shape[0] else tensor

        wide = torch.promote_types(weight.dtype, torch.float32)
        down, up = self._weights.tensor(lora.down).to(wide), rows(self._weights.tensor(lora.up).to(wide))
        merged = weight.to(wide) + (up @ down) * lora.scale
        if lora.magnitude is None:
            return merged
        magnitude = rows(self._weights.tensor(lora.magnitude).to(wide).flatten())
        return (magnitude / torch.linalg.norm(merged, dim=1))[:, None] * merged

    def _computed(self, piece: Piece, module: str) -> "Tensor":
        """What peft's layer makes of the piece, or of the fused matrix that it is a part of."""
        import torch

        assert self._layers is not None
        is_part = len(self._targets(module)) > 1
        weight = self._base.matrix(piece._replace(rows=None) if is_part else piece)
        merged = self._layers.merged(module, weight.to(torch.promote_types(weight.dtype, torch.float32)))
        return piece.rows.take(merged).contiguous() if is_part and piece.rows else merged

    def _changes(self, piece: Piece) -> bool:
        return piece.place in self._loras or piece.place in self._wrapped

    def _is_own(self, name: str) -> bool:
        return bool(PART.fullmatch(name)) if self._layers is None else self._layers.owns(name)

    def _wrap(self, layers: PeftLayers) -> None:
        sizes = {}
        for module in layers.modules:
            targets = self._targets(module)
            if targets:
                sizes[module] = (sum(piece.shape[0] for piece in targets), targets[0].shape[1])
            self._wrapped |= {piece.place: module for piece in targets}
        layers.fit(sizes)

    def _adapt(self, module: str, lora: Lora) -> None:
        targets = self._targets(module)
        (_, wide), (high, _) = (self._weights.shapes[name].shape for name in (lora.down, lora.up))
        if targets and (high, wide) != (sum(piece.shape[0] for piece in targets), targets[0].shape[1]):
            raise ModelError(
                f"{self.path} adapts {module} as a matrix of {high} x {wide}, which is not its shape in {self._base.path}: "
                "give the base that the adapter was trained on."
            )
        self._loras |= {piece.place: lora for piece in targets}

    def _replace(self, name: str) -> None:
        found = self._weights.shapes[name]
        targets = self._targets(name.removesuffix(".weight")) if len(found.shape) == 2 else []
        for piece in targets:
            if found.shape != self._base.stored(piece).shape or found.dtype not in FLOATS:
                raise ModelError(
                    f"{self.path} replaces {name} by a {found.dtype} tensor of shape {found.shape}, which does not fit "
                    f"{self._base.path}: give the base that the adapter was trained on."
                )
            self._replaced[piece.place] = piece._replace(tensor=name)

    def _targets(self, module: str) -> list[Piece]:
        """The base's matrices that a module is, several where both fuse them; none where it lies outside the layers."""
        place = layout.place(module)
        stacks = {each.stack for each in self.pieces}
        if place is None:
            return self._named.get(Place("", -1, layout.canonical(module)), [])
        place = place._replace(stack=next(iter(stacks))) if len(stacks) == 1 else place
        if place not in self._named:
            raise ModelError(
                f"{self.path} adapts {module}, which {self._base.path} does not have: give the base that the adapter was "
                "trained on."
            )
        return self._named[place]


def _by_name(pieces: dict[Place, Piece]) -> dict[Place, list[Piece]]:
    """Matrices by the place of the module that holds them, and each part of a fused one by its own."""
    found: dict[Place, list[Piece]] = {place: [piece] for place, piece in pieces.items()}
    fused: dict[Place, list[Piece]] = {}
    for piece in pieces.values():
        whole = layout.place(piece.tensor.removesuffix(".weight"))
        if piece.rows and piece.expert is None and whole:
            fused.setdefault(whole, []).append(piece)
    return found | fused


def _config(folder: Path) -> dict[str, Any]:
    file = folder / CONFIG
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{file} is damaged: copy or download it again.") from error
    if not isinstance(config, dict):
        raise ModelError(f"{file} is damaged: it must hold one object.")
    kind = config.get("peft_type")
    if kind in PREFIXES:
        return config
    if kind != "LORA":
        row = TUNERS.get(IN_TABLE.get(str(kind).lower(), str(kind).lower()))
        if row is not None and not row.merges:
            raise ModelError(f"{folder} is a {kind} adapter, which has no update of a matrix to compare: {row.why}.")
        raise ModelError(f"{folder} is a {kind} adapter, which is not merged here: {MERGE}.")
    start = str(config.get("init_lora_weights"))
    if start.startswith(CHANGES_BASE):
        raise ModelError(f"{folder} was started as {start}, which changes the base too: {MERGE}.")
    for variant in VARIANTS:
        if config.get(variant):
            raise ModelError(f"{folder} is a LoRA with {variant}, which is not merged here: {MERGE}.")
    return config


def _weights(folder: Path) -> TensorFile:
    for name in FILES:
        if (folder / name).is_file():
            return TensorFile(folder / name)
    raise ModelError(f"{folder} has no {' or '.join(FILES)}: copy the adapter again, or wait if it is still being written.")


def _modules(weights: TensorFile) -> dict[str, dict[str, str]]:
    """module -> {"A": tensor, "B": tensor}, with "magnitude_vector" in DoRA's; an adapted embedding is not here."""
    found: dict[str, dict[str, str]] = {}
    for name in weights.shapes:
        if match := PART.fullmatch(name):
            found.setdefault(match["module"], {})[match["part"]] = name
    return {module: parts for module, parts in found.items() if parts.keys() & {"A", "B"}}


def _lora(folder: Path, module: str, parts: dict[str, str], weights: TensorFile, config: dict[str, Any]) -> Lora:
    needed = ("A", "B", "magnitude_vector") if config.get("use_dora") else ("A", "B")
    for part in needed:
        if part not in parts:
            raise ModelError(f"{folder} lacks lora_{part} of {module}: copy the adapter again.")
    down, up = weights.shapes[parts["A"]].shape, weights.shapes[parts["B"]].shape
    if len(down) != 2 or len(up) != 2:
        raise ModelError(f"{folder} adapts {module}, which is no matrix (its factors have shapes {down} and {up}): {MERGE}.")
    rank = _by_pattern(folder, module, config, "rank", "r")
    alpha = _by_pattern(folder, module, config, "alpha", "lora_alpha")
    if rank < 1 or not rank == down[0] == up[1]:
        raise ModelError(f"{folder} holds rank {down[0]} for {module}, where its config says {rank}: copy the adapter again.")
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    return Lora(parts["A"], parts["B"], parts["magnitude_vector"] if config.get("use_dora") else None, scale)


def _by_pattern(folder: Path, module: str, config: dict[str, Any], kind: str, default: str) -> float:
    """PEFT's rule: the first pattern that matches the end of the module's name, else the config's own."""
    patterns = config.get(f"{kind}_pattern") or {}
    name = module.removeprefix("base_model.model.")
    try:
        found = next((value for key, value in patterns.items() if re.match(rf"(.*\.)?({key})$", name)), config.get(default))
    except (re.error, AttributeError) as error:
        raise ModelError(f"{folder / CONFIG} is damaged: its {kind}_pattern cannot be read.") from error
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not math.isfinite(found):
        raise ModelError(f"{folder / CONFIG} is damaged: {default} must be a number, not {found!r}.")
    return found

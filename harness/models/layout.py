"""Which stored tensors are projections inside layers, what they are called, and how each becomes matrices (out, in).

Names differ between layouts and are mapped to one: wrappers in front (`model.`, `module.`, `base_model.model.`, `transformer.`,
`language_model.`) and in between (`_orig_mod`, FSDP's) fall away, layers are `layers.<i>.` whatever they were (layer, h, block,
blocks), and Mixtral's `block_sparse_moe.experts.<e>.w1` is `mlp.experts.<e>.gate_proj`. What then stands before the layers is
the stack ("encoder."), which T5 needs and BERT does not; who matches two sides decides.

A matrix is a 2-D `.weight` inside a layer, a part of a fused one (see `fused`), or one expert: of a tensor each, or of a 3-D
stack. Tables inside layers (T5's relative positions) are not. Where no name has layers (a graph network, an MLP), every 2-D
tensor with both sides of at least 8 counts, in layer -1.

Transposed storage is read off the shapes, not off a config: GPT-2's Conv1D keeps (in, out), so its c_attn is wider than high.
Of an expert stack (out, in), gate_up_proj is as wide as down_proj is high; of one (in, out) it is as high as down_proj is wide.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import ModelError
from harness.models.fused import Config, Rows, split

if TYPE_CHECKING:
    from torch import Tensor

LAYER = re.compile(r"(?P<stack>(?:.*?\.)?)(?:layers|layer|h|blocks|block)\.(?P<layer>\d+)\.(?P<rest>.+)")
WRAPPED = re.compile(r"^(?:module|model|base_model|transformer|language_model)\.(?=.)")
BETWEEN = re.compile(r"(?:^|(?<=\.))(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
EXPERT = re.compile(r"(?P<owner>(?:.*\.)?experts)\.(?P<expert>\d+)\.(?P<leaf>.+)")
MIXTRAL = {"w1": "gate_proj", "w2": "down_proj", "w3": "up_proj"}
GRANITE = {"mlp.input_linear": "mlp.experts.gate_up_proj", "mlp.output_linear": "mlp.experts.down_proj"}
TABLE = re.compile(r"embed|wte\b|wpe\b|lm_head|relative_attention_bias|\bshared\.weight", re.IGNORECASE)
CONV1D = ("c_attn", "c_proj", "c_fc")
PACKED = ("qweight", "qzeros", "weight_packed")
SMALLEST = 8


class Place(NamedTuple):
    """Which matrix of a model: the same for every way of storing it. `expert` is None outside expert stacks."""

    stack: str
    layer: int
    module: str
    expert: int | None = None

    @property
    def name(self) -> str:
        """As in results: "layers.3.mlp.experts.5.up_proj"."""
        if self.layer < 0:
            return self.module
        module = self.module if self.expert is None else self.module.replace("experts.", f"experts.{self.expert}.", 1)
        return f"{self.stack}layers.{self.layer}.{module}"


class Piece(NamedTuple):
    """A matrix (out, in) and where to find it: which tensor, which expert of a stack, turned or not, which rows after that."""

    place: Place
    tensor: str
    shape: tuple[int, int]
    expert: int | None = None
    is_transposed: bool = False
    rows: Rows | None = None


class Stored(NamedTuple):
    """A stored tensor that is a projection: the place of its name, before it is split."""

    place: Place
    is_stack: bool


def canonical(tensor: str) -> str:
    """The tensor's name without wrappers."""
    name = BETWEEN.sub("", tensor)
    while (shorter := WRAPPED.sub("", name)) != name:
        name = shorter
    return name


def place(module: str) -> Place | None:
    """The place of a module by its full name, as in "model.layers.0.mlp.experts.5.w1"; None outside layers."""
    match = LAYER.fullmatch(canonical(module))
    if not match:
        return None
    rest = re.sub(r"^block_sparse_moe\b", "mlp", match["rest"])
    rest = GRANITE.get(rest, rest)
    expert = EXPERT.fullmatch(rest)
    if not expert:
        return Place(match["stack"], int(match["layer"]), rest)
    leaf = MIXTRAL.get(expert["leaf"], expert["leaf"])
    return Place(match["stack"], int(match["layer"]), f"{expert['owner']}.{leaf}", int(expert["expert"]))


def pieces(shapes: Mapping[str, tuple[int, ...]], config: Config) -> dict[Place, Piece]:
    """Every matrix of a model, from the names and shapes of its tensors.

    Args:
        shapes: by tensor name, as stored.
        config: what its config.json says, {} where there is none; the text model's own part of it counts where it has one.

    Raises:
        ModelError: two tensors are one matrix by name, or a fused one does not have the rows that the config asks for.
    """
    text = config.get("text_config")
    config = {**config, **text} if isinstance(text, dict) else config
    stored = {name: found for name, shape in shapes.items() if (found := _inside(name, shape))}
    turned = _transposed(stored, shapes)
    cuts = (piece for name, each in stored.items() for piece in _cut(name, each, shapes[name], name in turned, config))
    by_place: dict[Place, Piece] = {}
    for piece in cuts if stored else _by_size(shapes):
        other = by_place.setdefault(piece.place, piece)
        if other is not piece:
            raise ModelError(
                f"{piece.tensor} and {other.tensor} are both {piece.place.name}: give a checkpoint that holds one model."
            )
    return by_place


def assemble(piece: Piece, read: "Callable[[str, int | slice | None], Tensor]") -> "Tensor":
    """The matrix (out, in), contiguous. `read` gives a tensor by name, or the part of it along its first axis."""
    rows = piece.rows
    if rows and rows.blocks == 1 and piece.expert is None and not piece.is_transposed:
        return read(piece.tensor, slice(rows.start, rows.start + rows.length)).contiguous()
    tensor = read(piece.tensor, piece.expert)
    tensor = tensor.T if piece.is_transposed else tensor
    return (rows.take(tensor) if rows else tensor).contiguous()


def kind(tensor: str, ndim: int) -> str:
    """What a tensor is that is no matrix, for the report: embeddings, norms, biases, scales, packed (GPTQ, MXFP4) or other."""
    leaf = tensor.rpartition(".")[2]
    if leaf in PACKED or leaf.endswith("_blocks"):
        return "packed"
    if "bias" in leaf:
        return "biases"
    if "scale" in leaf:
        return "scales"
    if ndim == 1:
        return "norms"
    return "embeddings" if TABLE.search(tensor) else "other"


def _inside(tensor: str, shape: tuple[int, ...]) -> Stored | None:
    is_weight = tensor.endswith(".weight")
    found = place(tensor.removesuffix(".weight"))
    if found is None or TABLE.search(found.module) or 0 in shape:
        return None
    if len(shape) == 2 and is_weight:
        return Stored(found, is_stack=False)
    is_stack = len(shape) == 3 and found.expert is None and "experts." in found.module and kind(tensor, 3) == "other"
    return Stored(found, is_stack=True) if is_stack else None


def _by_size(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Piece]:
    """Matrices of a model without layers."""
    for name, shape in shapes.items():
        if len(shape) == 2 and min(shape) >= SMALLEST:
            yield Piece(Place("", -1, canonical(name).removesuffix(".weight")), name, (shape[0], shape[1]))


def _transposed(stored: dict[str, Stored], shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    """Tensors stored (in, out)."""
    leaves = {name: each.place.module.rpartition(".")[2] for name, each in stored.items()}
    is_conv1d = any(leaf == "c_attn" and 3 * shapes[name][0] == shapes[name][1] for name, leaf in leaves.items())
    turned = {name for name, leaf in leaves.items() if is_conv1d and leaf in CONV1D}
    stacks = {each.place: name for name, each in stored.items() if each.is_stack}
    for place, name in stacks.items():
        owner, _, leaf = place.module.rpartition(".")
        down = stacks.get(place._replace(module=f"{owner}.down_proj"))
        if leaf == "gate_up_proj" and down:
            (_, high, wide), (_, down_high, down_wide) = shapes[name], shapes[down]
            if high == down_wide and wide == 2 * down_high:
                turned |= {name, down}
    return turned


def _cut(name: str, stored: Stored, shape: tuple[int, ...], is_transposed: bool, config: Config) -> Iterator[Piece]:
    high, wide = reversed(shape[-2:]) if is_transposed else shape[-2:]
    parts: dict[str, Rows] | dict[str, None] = split(stored.place.module, (high, wide), config) or {stored.place.module: None}
    for expert in range(shape[0]) if stored.is_stack else (None,):
        for module, rows in parts.items():
            where = stored.place._replace(module=module, expert=stored.place.expert if expert is None else expert)
            yield Piece(where, name, (rows.total if rows else high, wide), expert, is_transposed, rows)

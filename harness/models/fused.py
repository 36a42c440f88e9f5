"""How a fused projection splits by rows into the matrices that act on their own; rows are those of (out, in).

What is known is what the forward passes of transformers 5 do with the output; anything else stays one matrix, as stored:

    qkv_proj, Wqkv       phi3, mpt, modernbert: all queries, all keys, all values, one after another
    query_key_value      gpt_neox, bloom, persimmon: view(heads, 3, head_dim), so q, k and v alternate head by head
                         falcon: view(groups, heads a group + 2, head_dim); one group where `multi_query` (Falcon-7B), a group a
                         key-value head in the new architecture (40B), a group a head in the old (RW)
    c_attn               GPT-2: thirds. GPT-BigCode: queries, then one head of keys and one of values; else as gpt_neox
    gate_up_proj         gate, then up, as chunk(2) gives them; gpt_oss alternates them row by row
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from harness.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor

QUERY, KEY, VALUE = "q_proj", "k_proj", "v_proj"
BLOCKS_OF_QKV = {"qkv_proj": ("phi3", "phi4_multimodal"), "Wqkv": ("mpt", "modernbert")}
HEADS_OF_QKV = ("gpt_neox", "gpt_neox_japanese", "bloom", "persimmon")
ALTERNATING_GATES = ("gpt_oss",)

Config = dict[str, Any]


class Rows(NamedTuple):
    """Which rows of a fused matrix: `blocks` of `length` rows each, the first at `start`, the next `stride` after it."""

    start: int
    length: int
    stride: int
    blocks: int = 1

    @property
    def total(self) -> int:
        """How many rows that is."""
        return self.length * self.blocks

    def take(self, tensor: "Tensor") -> "Tensor":
        """These rows of `tensor` (rows, ...), in order."""
        if self.blocks == 1:
            return tensor[self.start : self.start + self.length]
        blocks = tensor.reshape(self.blocks, self.stride, *tensor.shape[1:])
        return blocks[:, self.start : self.start + self.length].flatten(0, 1)


def split(module: str, shape: tuple[int, int], config: Config) -> dict[str, Rows]:
    """The matrices in a fused one, by their module's name; empty for a projection that is not fused, or not known to be.

    Args:
        module: as in "self_attn.qkv_proj".
        shape: of the fused matrix (out, in).
        config: of the model, as in its config.json.

    Raises:
        ModelError: the rows are not what the config's heads make.
    """
    owner, _, leaf = module.rpartition(".")
    rows, columns = shape
    kind = config.get("model_type")
    if leaf == "gate_up_proj":
        found = _gates(rows, alternate=kind in ALTERNATING_GATES)
    elif kind in BLOCKS_OF_QKV.get(leaf, ()):
        found = _blocks(config)
    elif leaf == "query_key_value" and kind in HEADS_OF_QKV:
        found = _groups(config, groups="heads")
    elif leaf == "query_key_value" and kind == "falcon":
        found = _falcon(config)
    elif leaf == "c_attn" and kind == "gpt_bigcode":
        found = _groups(config, groups="one") if config.get("multi_query", True) else _groups(config, groups="heads")
    elif leaf == "c_attn" and rows == 3 * columns:
        found = {name: Rows(i * columns, columns, columns) for i, name in enumerate((QUERY, KEY, VALUE))}
    else:
        found = {}
    total = sum(each.total for each in found.values())
    if found and total != rows:
        raise ModelError(
            f"{module} has {rows} rows where config.json asks for {total}: weights and config belong to different models."
        )
    return {f"{owner}.{name}" if owner else name: each for name, each in found.items()}


def _gates(rows: int, alternate: bool) -> dict[str, Rows]:
    if rows % 2:
        return {}
    if alternate:
        return {"gate_proj": Rows(0, 1, 2, rows // 2), "up_proj": Rows(1, 1, 2, rows // 2)}
    return {"gate_proj": Rows(0, rows // 2, rows // 2), "up_proj": Rows(rows // 2, rows // 2, rows // 2)}


class _Heads(NamedTuple):
    queries: int
    keys: int
    width: int


def _heads(config: Config) -> _Heads | None:
    def whole(*names: str) -> int | None:
        found = next((config[name] for name in names if config.get(name) is not None), None)
        return found if type(found) is int and found > 0 else None

    queries, hidden = whole("num_attention_heads", "n_head", "n_heads"), whole("hidden_size", "n_embd", "d_model")
    if queries is None or hidden is None:
        return None
    keys = whole("num_key_value_heads", "num_kv_heads") or queries
    return _Heads(queries, keys, whole("head_dim") or hidden // queries)


def _blocks(config: Config) -> dict[str, Rows]:
    heads = _heads(config)
    if heads is None:
        return {}
    query, key = heads.queries * heads.width, heads.keys * heads.width
    return {QUERY: Rows(0, query, query), KEY: Rows(query, key, key), VALUE: Rows(query + key, key, key)}


def _falcon(config: Config) -> dict[str, Rows]:
    if config.get("new_decoder_architecture"):
        return _groups(config, groups="keys")
    return _groups(config, groups="one" if config.get("multi_query", True) else "heads")


def _groups(config: Config, groups: str) -> dict[str, Rows]:
    """Each group: its heads' queries, then one head of keys, then one of values."""
    heads = _heads(config)
    if heads is None:
        return {}
    count = {"heads": heads.queries, "keys": heads.keys, "one": 1}[groups]
    query, width = heads.queries // count * heads.width, heads.width
    stride = query + 2 * width
    return {
        QUERY: Rows(0, query, stride, count),
        KEY: Rows(query, width, stride, count),
        VALUE: Rows(query + width, width, stride, count),
    }

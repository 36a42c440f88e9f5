"""Truth: what a layer's own forward pass gives attention, at position 0, where rotary embedding does nothing."""

import pytest
import torch

from harness.errors import ModelError
from harness.models.fused import Rows, split
from harness.models.layout import assemble, pieces
from harness.models.quiet import quiet_transformers

SIZE = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=4, vocab_size=32)
CASES = {
    "phi3": dict(num_key_value_heads=2, pad_token_id=0),
    "gpt_neox": {},
    "persimmon": dict(qk_layernorm=False),
    "falcon": dict(new_decoder_architecture=True, num_kv_heads=2),
    "falcon-7b": dict(new_decoder_architecture=False, multi_query=True),
    "falcon-rw": dict(new_decoder_architecture=False, multi_query=False, alibi=False),
    "gpt2": dict(n_inner=24),
    "gpt_bigcode": dict(multi_query=True),
    "gpt_bigcode-mha": dict(multi_query=False),
}


def build(case):
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    config = AutoConfig.for_model(case.partition("-")[0], **(SIZE | CASES[case]))
    with quiet_transformers():
        return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()


def watched(model, tensor, monkeypatch):
    """Input of the fused projection, and what attention is given, for one token."""
    seen = {}
    attend = torch.nn.functional.scaled_dot_product_attention

    def attention(query, key, value, *args, **kwargs):
        seen.update(q_proj=query, k_proj=key, v_proj=value)
        return attend(query, key, value, *args, **kwargs)

    def before(module, inputs):
        seen["input"] = inputs[0]

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", attention)
    model.get_submodule(tensor.removesuffix(".weight")).register_forward_pre_hook(before)
    with torch.no_grad():
        model(input_ids=torch.arange(8)[:, None], use_cache=False)
    return seen


@pytest.mark.parametrize("case", CASES)
def test_parts_are_what_attention_is_given(case, monkeypatch):
    model = build(case)
    state = model.state_dict()
    found = {
        where.module.rpartition(".")[2]: piece
        for where, piece in pieces({name: tuple(each.shape) for name, each in state.items()}, model.config.to_dict()).items()
    }
    seen = watched(model, found["q_proj"].tensor, monkeypatch)
    inputs = seen["input"].reshape(8, -1)
    for leaf in ("q_proj", "k_proj", "v_proj"):
        weight = assemble(found[leaf], lambda name, part: state[name] if part is None else state[name][part])
        given = seen[leaf].reshape(8, -1, 4)
        computed = (inputs @ weight.T).reshape(8, -1, 4).repeat_interleave(given.shape[1] * 4 // len(weight), dim=1)
        torch.testing.assert_close(computed, given, rtol=1e-5, atol=1e-6)


def test_gate_comes_before_up():
    model = build("phi3")
    state = model.state_dict()
    found = {
        where.module: assemble(piece, lambda name, part: state[name] if part is None else state[name][part])
        for where, piece in pieces({name: tuple(each.shape) for name, each in state.items()}, model.config.to_dict()).items()
    }
    x = torch.randn(3, 16)
    gate, up, down = (x @ found["mlp.gate_proj"].T, x @ found["mlp.up_proj"].T, found["mlp.down_proj"].T)
    with torch.no_grad():
        torch.testing.assert_close(
            torch.nn.functional.silu(gate) * up @ down, model.model.layers[0].mlp(x), rtol=1e-4, atol=1e-6
        )


def test_gates_that_alternate():
    stack = torch.arange(12.0)[:, None]
    parts = split("mlp.experts.gate_up_proj", (12, 1), {"model_type": "gpt_oss"})
    assert parts["mlp.experts.gate_proj"].take(stack).flatten().tolist() == [0, 2, 4, 6, 8, 10]
    assert parts["mlp.experts.up_proj"].take(stack).flatten().tolist() == [1, 3, 5, 7, 9, 11]


def test_blocks_of_rows():
    column = torch.arange(12.0)[:, None]
    assert Rows(2, 2, 6, 2).take(column).flatten().tolist() == [2, 3, 8, 9]
    assert Rows(2, 2, 6, 2).total == 4


@pytest.mark.parametrize(
    "module, config",
    [
        ("self_attn.q_proj", {"model_type": "llama"}),
        ("attention.query_key_value", {"model_type": "chatglm"}),
        ("self_attn.qkv_proj", {"model_type": "phi3"}),
        ("self_attn.qkv_proj", {"model_type": "phi3", "num_attention_heads": "2", "hidden_size": [8]}),
        ("attn.qkv_proj", {}),
    ],
)
def test_what_is_not_known_stays_one_matrix(module, config):
    assert split(module, (24, 8), config) == {}


def test_rows_that_the_config_does_not_make_are_refused():
    config = {"model_type": "phi3", "num_attention_heads": 2, "hidden_size": 8}
    with pytest.raises(ModelError, match=r"has 25 rows where config\.json asks for 24"):
        split("self_attn.qkv_proj", (25, 8), config)

from types import SimpleNamespace

import pytest
import torch

from harness.errors import ModelError
from harness.interventions import Heads, permute, rotate, rotate_back
from harness.interventions.heads import Move
from harness.spectra import Change
from harness.training.runs import projections


def config(**fields):
    return SimpleNamespace(**{"hidden_size": 64, "num_attention_heads": 4, **fields})


def test_heads_are_read_from_a_config():
    assert Heads.of(config()) == (4, 4, 16)
    assert Heads.of(config(num_key_value_heads=2, head_dim=32)) == (4, 2, 32)
    assert Heads.of(config(num_key_value_heads=2)).group == 2


def test_heads_that_do_not_divide_are_refused():
    with pytest.raises(ModelError, match="9 query heads do not divide into 2 key-value heads"):
        Heads.of(config(num_attention_heads=9, num_key_value_heads=2, head_dim=64))
    with pytest.raises(ModelError, match="a width of 64 does not divide into 5 heads"):
        Heads.of(config(num_attention_heads=5))
    with pytest.raises(ModelError, match="the config has no num_attention_heads"):
        Heads.of(SimpleNamespace(hidden_size=64))


def dense(move: Move, size: int) -> torch.Tensor:
    """The move as one matrix."""
    count = len(move.order)
    matrix = torch.zeros(count * size, count * size, dtype=torch.float64)
    for place, source in enumerate(move.order.tolist()):
        block = torch.eye(size).double() if move.blocks is None else move.blocks[place]
        matrix[place * size : (place + 1) * size, source * size : (source + 1) * size] = block
    return matrix


@pytest.mark.parametrize("with_blocks", [True, False], ids="blocks={}".format)
def test_a_move_is_its_dense_matrix_from_the_left_or_the_right(with_blocks, generator):
    """Truth: T W for rows, W T^T for columns, T b for a bias; the inverse is the transpose."""
    order = torch.tensor([2, 0, 1])
    blocks = torch.linalg.qr(torch.randn(3, 4, 4, generator=generator).double()).Q if with_blocks else None
    rows, columns = Move(0, order, blocks), Move(1, order, blocks)
    t = dense(rows, 4)
    w = torch.randn(12, 5, generator=generator).double()
    cases = [(rows, w, t @ w), (columns, w.T.contiguous(), w.T @ t.T), (rows, w[:, 0].contiguous(), t @ w[:, 0])]
    for move, given, wanted in cases:
        torch.testing.assert_close(move(given), wanted, rtol=0, atol=1e-14)
        torch.testing.assert_close(move(wanted, inverse=True), given, rtol=0, atol=1e-14)


@pytest.mark.parametrize("intervention", [rotate, permute])
def test_an_update_goes_back_by_the_names_of_a_state_dict_and_of_a_change(intervention, model, generator):
    """Truth: tuned weights in moved coordinates, carried back, are base plus the carried-back update, in fp64 to rounding."""
    weights = {name: p.detach().double() for name, p in model.named_parameters()}
    moved = intervention(weights, Heads.of(model.config), generator)
    update = {name: torch.randn(w.shape, generator=generator).double() for name, w in weights.items()}
    back = moved.map.back(update)
    home = moved.map.back({name: moved.weights[name] + update[name] for name in weights})
    for name, w in weights.items():
        torch.testing.assert_close(home[name], w + back[name], rtol=0, atol=1e-13)
    short = moved.map.back(projections(update))
    assert all(torch.equal(short[name], d) for name, d in projections(back).items())


@pytest.mark.parametrize("intervention", [rotate, permute])
def test_a_change_and_its_snapshots_go_back(intervention, model, generator):
    weights = {name: w.detach() for name, w in projections(dict(model.named_parameters())).items()}
    moved = intervention(weights, Heads.of(model.config), generator)
    update = {name: torch.randn(w.shape, generator=generator).double() for name, w in weights.items()}
    half = Change(moved.weights, moved.map({name: d / 2 for name, d in update.items()}))
    change = Change(moved.weights, moved.map(update), trajectory=((3, half),), arm="rlvr", seed=1)
    home = rotate_back(change, moved.map)
    assert (home.arm, home.seed, home.trajectory[0][0]) == ("rlvr", 1, 3)
    for name, w in weights.items():
        torch.testing.assert_close(home.update[name], update[name], rtol=0, atol=1e-14 * 16)
        torch.testing.assert_close(home.trajectory[0][1].update[name], update[name] / 2, rtol=0, atol=1e-14 * 16)
        torch.testing.assert_close(home.base[name], w, rtol=0, atol=2**-22 * w.abs().max().item())
    assert home.norm()["layers.0.self_attn.o_proj"] == pytest.approx(change.norm()["layers.0.self_attn.o_proj"], rel=1e-13)


@pytest.mark.parametrize("intervention", [rotate, permute])
@pytest.mark.parametrize(
    "drop, sentence",
    [("v_proj", "layer 0 has no v_proj"), ("proj", "no layers.<i>.self_attn.{q,k,v,o}_proj was found")],
)
def test_unknown_architectures_are_refused(intervention, drop, sentence, model, generator):
    weights = {name: w for name, w in model.state_dict().items() if drop not in name}
    with pytest.raises(ModelError, match=sentence):
        intervention(weights, Heads.of(model.config), generator)


@pytest.mark.parametrize("intervention", [rotate, permute])
def test_heads_of_another_model_and_layers_that_are_not_there_are_refused(intervention, model, generator):
    with pytest.raises(ModelError, match="has .* where .* heads of 24 make"):
        intervention(model.state_dict(), Heads(4, 2, 24), generator)
    with pytest.raises(ModelError, match="3 query heads do not divide into 2"):
        intervention(model.state_dict(), Heads(3, 2, 16), generator)
    with pytest.raises(ModelError, match="there is no attention in layer 7: choose among 0, 1"):
        intervention(model.state_dict(), Heads.of(model.config), generator, layers=[7])

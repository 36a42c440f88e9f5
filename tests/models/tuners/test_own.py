"""Tuners of ours: the start is the base, the update lies where the reach says, and what is kept is enough to rebuild it."""

import pytest
import torch
from harness.errors import ModelError
from harness.models.adapters import PROJECTIONS, Adaptation
from harness.models.tuners import adapt, own
from torch import nn

OWN = (
    "milora", "geora", "lora_top", "lora_bottom", "lora_middle", "lora_random", "svdiff", "svft", "lora_xs",
)  # fmt: skip
RANK, ALPHA = 4, 8.0
SCALING = ALPHA / RANK


class Toy(nn.Module):
    """Two linear layers with a norm between them, one wide and one tall, spectra as 3 i^-.8, fp64: rounding is far below."""

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.q_proj, self.norm, self.o_proj = nn.Linear(24, 16), nn.LayerNorm(16), nn.Linear(16, 20, bias=False)
        for layer in (self.q_proj, self.o_proj):
            u, v = (torch.linalg.qr(torch.randn(side, 16, generator=draw)).Q for side in layer.weight.shape)
            layer.weight.data = (u * (3 * torch.arange(1, 17) ** -0.8)) @ v.T
        self.q_proj.bias.data = torch.randn(16, generator=draw)
        self.register_buffer("scale", torch.ones(1))
        self.to(dtype)

    def forward(self, x):
        return self.o_proj(self.norm(self.q_proj(x))) * self.scale


def how(tuner, **given):
    return Adaptation(tuner, rank=RANK, alpha=ALPHA, targets=("q_proj", "o_proj"), **given)


def adapted_toy(tuner, seed=0, dtype=torch.float64, **given):
    model = Toy(dtype)
    made = adapt(model, how(tuner, **given), seed)
    model.to(dtype)  # peft makes its factors fp32
    return made


def inputs(generator_seed=1):
    return torch.randn(32, 24, generator=torch.Generator().manual_seed(generator_seed), dtype=torch.float64)


def stepped(made, steps=1, lr=1e-2):
    """Descend on a fixed regression by SGD."""
    x, y = inputs(), torch.randn(32, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    optimizer = torch.optim.SGD(made.trainable().values(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (made.model(x) - y).square().mean().backward()
        optimizer.step()
    return made


def base_gradients():
    """d loss / d W of the bare model on the same regression."""
    model = Toy()
    x, y = inputs(), torch.randn(32, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (model(x) - y).square().mean().backward()
    return {"q_proj.weight": model.q_proj.weight.grad, "o_proj.weight": model.o_proj.weight.grad}


def updates(made):
    before, after = Toy().state_dict(), made.weights()
    return {name: after[name] - before[name] for name in ("q_proj.weight", "o_proj.weight")}


def frames():
    bare = Toy().state_dict()
    return {name: torch.linalg.svd(bare[name], full_matrices=False) for name in ("q_proj.weight", "o_proj.weight")}


def off(a, b):
    """Largest difference of an entry."""
    return (a - b).detach().abs().max().item()


def share(update, projector_rows):
    """Energy of an update inside the span of orthonormal rows, on its right."""
    return ((update @ projector_rows.T).square().sum() / update.square().sum()).item()


@pytest.mark.parametrize("tuner", OWN)
def test_the_start_is_the_base(tuner):
    """The reduced bases return to themselves up to the factors' fp32."""
    made, bare = adapted_toy(tuner), Toy()
    assert off(made.model(inputs()), bare(inputs())) <= (1e-6 if tuner in ("milora", "geora") else 0.0)
    assert all(delta.abs().max() < 1e-6 for delta in updates(made).values())


@pytest.mark.parametrize("tuner", OWN)
def test_only_its_own_parameters_train_and_every_one_can_move(tuner):
    made = adapted_toy(tuner)
    assert all("lora_" in name or name.endswith("core") for name in made.trainable())
    before = {name: p.detach().clone() for name, p in made.trainable().items()}
    stepped(made, steps=2)
    assert all(not torch.equal(p, before[name]) for name, p in made.trainable().items())
    bare, now = Toy().state_dict(), made.weights()
    assert all(torch.equal(now[name], bare[name]) for name in ("q_proj.bias", "norm.weight", "norm.bias"))


@pytest.mark.parametrize("tuner", OWN)
def test_merged_weights_are_the_function(tuner):
    made = stepped(adapted_toy(tuner), steps=3)
    merged = Toy()
    merged.load_state_dict(made.weights() | {"scale": torch.ones(1)})
    assert off(merged(inputs()), made.model(inputs())) < 1e-12


@pytest.mark.parametrize("tuner", OWN)
def test_a_fresh_base_and_what_was_kept_give_the_same_weights(tuner):
    """Built by another seed, and with every frozen frame's signs flipped before loading: neither may matter."""
    made = stepped(adapted_toy(tuner, seed=0), steps=3)
    kept = {name: t.detach().clone() for name, t in (made.trainable() | made.fixed()).items()}
    again = adapted_toy(tuner, seed=5)
    for name, tensor in again.fixed().items():
        if tensor.is_floating_point():
            tensor.neg_()
    again.load(kept)
    before, after = made.weights(), again.weights()
    assert before.keys() == after.keys() == dict(Toy().named_parameters()).keys()
    assert all(torch.equal(after[name], w) for name, w in before.items())


def test_milora_takes_the_trailing_triplets_out_of_the_base():
    """Truth: base = U S' V^T with the trailing values gone, c B A what was there, A and B balanced."""
    made = adapted_toy("milora")
    for name, (u, s, vh) in frames().items():
        layer = made.model.get_submodule(name.removesuffix(".weight"))
        a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
        kept = (u[:, :-RANK] * s[:-RANK]) @ vh[:-RANK]
        assert off(layer.base_layer.weight, kept) < 1e-6
        assert off(SCALING * b @ a, (u[:, -RANK:] * s[-RANK:]) @ vh[-RANK:]) < 1e-6
        assert off(a @ a.T, b.T @ b) < 1e-6


def test_first_step_of_milora_is_in_the_trailing_directions():
    """Truth: dW = -lr c^2 (B B^T G + G A^T A) to first order: one part has its left side there, the other its right."""
    lr, gradients = 1e-5, base_gradients()
    moved = updates(stepped(adapted_toy("milora"), lr=lr))
    start = updates(adapted_toy("milora"))
    for name, (u, s, vh) in frames().items():
        low_u, low_v, root = u[:, -RANK:], vh[-RANK:], s[-RANK:] / SCALING
        g = gradients[name]
        expected = -lr * SCALING**2 * ((low_u * root) @ low_u.T @ g + g @ low_v.T @ (root[:, None] * low_v))
        found = moved[name] - start[name]
        assert off(found, expected) < 1e-3 * expected.abs().max()
        assert share(found, low_v) + share(found.T, low_u.T) > 1.0


@pytest.mark.parametrize(
    ("tuner", "rows"), [("lora_top", slice(0, 4)), ("lora_bottom", slice(12, 16)), ("lora_middle", slice(6, 10))]
)
def test_directions_with_a_frozen_a_bound_the_right_side(tuner, rows):
    """Truth: every row of the update is a combination of those r right singular vectors, after any number of steps."""
    made = stepped(adapted_toy(tuner, settings=(("frozen_a", True),)), steps=5)
    assert all("lora_B" in name for name in made.trainable()) and all("lora_A" in name for name in made.fixed())
    for name, delta in updates(made).items():
        assert share(delta, frames()[name].Vh[rows]) == pytest.approx(1.0, abs=1e-10)
        layer = made.model.get_submodule(name.removesuffix(".weight"))
        a = layer.lora_A["default"].weight
        assert off(a @ a.T, torch.eye(RANK, dtype=a.dtype)) < 1e-6


@pytest.mark.parametrize("tuner", ["lora_top", "lora_bottom", "lora_middle", "lora_random"])
def test_first_step_of_directions_has_one_size_for_one_gradient(tuner):
    """Truth: dW = -lr c^2 G A^T A, A's rows orthonormal: the spectrum's scale is not in it, only the share of G that A sees."""
    lr, gradients, made = 1e-4, base_gradients(), adapted_toy(tuner)
    layers = {name: made.model.get_submodule(name.removesuffix(".weight")) for name in gradients}
    seen = {name: layer.lora_A["default"].weight.detach().clone() for name, layer in layers.items()}
    for name, delta in updates(stepped(made, lr=lr)).items():
        expected = -lr * SCALING**2 * gradients[name] @ seen[name].T @ seen[name]
        assert off(delta, expected) < 1e-6 * expected.abs().max()


def test_svdiff_moves_the_singular_values_alone():
    """Truth: U^T dW V is diagonal, and holds all of dW."""
    for name, delta in updates(stepped(adapted_toy("svdiff"), steps=5)).items():
        u, _, vh = frames()[name]
        seen = u.T @ delta @ vh.T
        assert seen.diagonal().norm() == pytest.approx(delta.norm().item(), rel=1e-6)


@pytest.mark.parametrize(("pattern", "band", "reach"), [("banded", 2, 2), ("banded", 0, 0), ("diagonal", 3, 0)])
def test_svft_moves_a_band_between_the_frames(pattern, band, reach):
    made = stepped(adapted_toy("svft", settings=(("pattern", pattern), ("band", band))), steps=5)
    at = torch.arange(16)
    for name, delta in updates(made).items():
        u, _, vh = frames()[name]
        seen = u.T @ delta @ vh.T
        inside = ((at[:, None] - at).abs() <= reach) * seen
        assert inside.norm() == pytest.approx(delta.norm().item(), rel=1e-6)
        assert ((at[:, None] - at).abs() == reach).logical_and(seen.abs() > 1e-9).any()


def test_svft_at_random_places_has_as_many_as_its_band():
    """q(2b + 1) - b(b + 1) places, no two alike, others by another seed, the same by the same."""
    given = (("pattern", "random"), ("band", 2))
    count = 16 * 5 - 6
    places = [adapted_toy("svft", seed=seed, settings=given).model.q_proj.places for seed in (0, 0, 1)]
    assert all(tuple(found.shape) == (2, count) and len(found.T.unique(dim=0)) == count for found in places)
    assert torch.equal(places[0], places[1]) and not torch.equal(places[0], places[2])
    assert own.places(16, "banded", 2).shape[1] == count


def test_lora_xs_stays_inside_the_leading_core():
    """Truth: dW = c U_r S_r R V_r^T with the R that was trained."""
    made = stepped(adapted_toy("lora_xs"), steps=5)
    for name, delta in updates(made).items():
        u, s, vh = frames()[name]
        layer = made.model.get_submodule(name.removesuffix(".weight"))
        seen = u[:, :RANK].T @ delta @ vh[:RANK].T
        assert seen.norm() == pytest.approx(delta.norm().item(), rel=1e-6)
        assert layer.core.shape == (RANK * RANK,)
        core = layer.core.detach().view(RANK, RANK)
        assert (seen / (SCALING * s[:RANK, None])).abs() == pytest.approx(core.abs(), rel=1e-4, abs=1e-9)


def test_geora_starts_at_the_leading_triplets_of_the_masked_weight():
    """Oracle: masks by sorting, a direct SVD of what they leave; the share of entries is between rho and 2 rho."""
    made, share_of = adapted_toy("geora"), 0.2
    for name, (u, s, vh) in frames().items():
        w = Toy().state_dict()[name]
        low = (u[:, :RANK] * s[:RANK]) @ vh[:RANK]
        k = round(share_of * w.numel())
        mask = torch.zeros_like(w, dtype=torch.bool)
        for matrix in (low, w):
            mask.view(-1)[matrix.abs().flatten().argsort()[:k]] = True
        assert share_of <= mask.double().mean() <= 2 * share_of
        p, t, qh = torch.linalg.svd(w * mask, full_matrices=False)
        layer = made.model.get_submodule(name.removesuffix(".weight"))
        taken = SCALING * layer.lora_B["default"].weight @ layer.lora_A["default"].weight
        assert off(taken, (p[:, :RANK] * t[:RANK]) @ qh[:RANK]) < 1e-6
        assert off(layer.base_layer.weight + taken, w) < 1e-6


def test_large_matrices_take_the_krylov_route_to_the_same_directions():
    """Beyond 1024 on the smaller side nothing is decomposed whole; the leading space is the same."""
    draw = torch.Generator().manual_seed(3)
    u, v = (torch.linalg.qr(torch.randn(side, 6, generator=draw)).Q for side in (1100, 1040))
    w = (u * torch.tensor([9.0, 8.0, 7.0, 6.0, 1.0, 0.5])) @ v.T + 1e-4 * torch.randn(1100, 1040, generator=draw)
    found = own.directions(w, 4, "top").float()
    assert share(found, v.T[:4]) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("tuner", ["milora", "svft", "lora_xs"])
def test_a_bf16_base_keeps_its_dtype_and_frozen_frames_keep_fp32(tuner):
    model = Toy(torch.bfloat16)
    made = adapt(model, how(tuner), 0)
    assert model(inputs().bfloat16()).dtype == torch.bfloat16
    assert {p.dtype for p in made.trainable().values()} == {torch.float32}
    assert model.q_proj.base_layer.weight.dtype == torch.bfloat16


def test_on_the_tiny_model_every_projection_gets_one():
    from harness.models import tiny

    for tuner in ("geora", "svft"):
        model = tiny.build(seed=0).model
        made = adapt(model, Adaptation(tuner), 0)
        assert len(made.layers()) == 2 * len(PROJECTIONS)


@pytest.mark.parametrize(
    ("tuner", "settings", "sentence"),
    [
        ("milora", (("share", 0.1),), "milora has no setting share; it has none."),
        ("lora_top", (("where", "left"),), "There are no singular directions 'left'"),
        ("svft", (("pattern", "spiral"),), "SVFT has no pattern 'spiral'"),
        ("svft", (("band", 16),), "does not fit a matrix of side 16: give 0 to 15"),
        ("geora", (("share", 0.0),), "takes one above 0 and at most 1"),
    ],
)
def test_what_cannot_be_built_is_one_sentence(tuner, settings, sentence):
    with pytest.raises(ModelError, match=sentence):
        adapted_toy(tuner, settings=settings)


def test_a_rank_above_the_smaller_side_is_one_sentence():
    with pytest.raises(ModelError, match="A rank of 17 is above the smaller side, 16"):
        adapt(Toy(), Adaptation("milora", rank=17, targets=("q_proj",)), 0)


@pytest.mark.parametrize("tuner", ["milora", "geora", "lora_bottom", "lora_middle", "lora_xs"])
def test_the_whole_rank_is_still_the_base(tuner):
    """Limit: r = min(m, n)."""
    model = Toy()
    made = adapt(model, Adaptation(tuner, rank=16, targets=("q_proj",)), 0)
    assert off(made.weights()["q_proj.weight"], Toy().q_proj.weight) < 1e-5

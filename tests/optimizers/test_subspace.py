import copy

import pytest
import torch
from harness.errors import SpecError, TrainingError
from harness.optimizers import PRESETS, Subspace, SubspaceOptimizer, overlap, preset
from harness.optimizers.state import COUNTERS

GALORE = Subspace(rank=4, refresh=3)


def group(name, rank=4):
    changes = {"rank": 1 if name == "apollo-mini" else rank}
    return preset(name, **changes, **({} if name == "ldadam" else {"refresh": 3}))


def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(1, 3, 3), torch.nn.Flatten(), torch.nn.LayerNorm(12), torch.nn.Linear(12, 8), torch.nn.Linear(8, 5)
    )


def loss(net, seed):
    x = torch.randn(16, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return (net(x) - x.mean((1, 2, 3))[:, None]).square().mean()


def train(net, optimizer, steps=6):
    for t in range(steps):
        optimizer.zero_grad()
        loss(net, t).backward()
        optimizer.step()
    return [p.detach().clone() for p in net.parameters()]


@pytest.mark.parametrize("fused", [None, True, False], ids="fused={}".format)
def test_without_a_subspace_it_is_torchs_adamw_bit_for_bit(fused):
    ours, theirs = model(), model()
    options = dict(lr=3e-3, betas=(0.8, 0.95), eps=1e-7, weight_decay=0.1)
    first = train(ours, SubspaceOptimizer(ours.parameters(), **options, fused=fused))
    second = train(theirs, torch.optim.AdamW(theirs.parameters(), **options, fused=fused))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_adamw_in_other_dtypes_is_torchs_too(dtype):
    ours, theirs = model().to(dtype), model().to(dtype)
    nets = [(ours, SubspaceOptimizer(ours.parameters())), (theirs, torch.optim.AdamW(theirs.parameters(), weight_decay=0.0))]
    for net, optimizer in nets:
        for t in range(4):
            g = torch.Generator().manual_seed(t)
            for p in net.parameters():
                p.grad = torch.randn(p.shape, generator=g).to(dtype)
            optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize("name", PRESETS, ids="preset={}".format)
def test_vectors_and_convolutions_beside_the_matrices_take_adamw(name):
    """The gradients are the same for both, so what is not 2-D must move the same."""
    ours, theirs = model(), model()
    chosen = group(name)
    plain = {key: chosen[key] for key in ("lr", "betas", "eps", "weight_decay")}
    nets = [
        (ours, SubspaceOptimizer([{"params": ours.parameters(), **chosen}])),
        (theirs, torch.optim.AdamW(theirs.parameters(), **plain)),
    ]
    for net, optimizer in nets:
        for t in range(5):
            g = torch.Generator().manual_seed(t)
            for p in net.parameters():
                p.grad = torch.randn(p.shape, generator=g)
            optimizer.step()
    for (which, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.equal(a, b) == (a.ndim != 2), which


def test_two_runs_of_one_seed_are_one_and_another_seed_differs():
    outcomes = []
    for seed in (0, 0, 1):
        net = model()
        outcomes.append(train(net, SubspaceOptimizer([{"params": net.parameters(), **group("apollo")}], seed=seed)))
    assert all(torch.equal(a, b) for a, b in zip(outcomes[0], outcomes[1], strict=True))
    assert not torch.equal(outcomes[0][4], outcomes[2][4])


ELEMENTS = {  # m 16, n 40, r 4: the formulas of the papers, counters aside
    "galore": 16 * 4 + 2 * 4 * 40, "golore": 16 * 4 + 2 * 4 * 40, "sara": 16 * 4 + 2 * 4 * 40,
    "fira": 16 * 4 + 2 * 4 * 40 + 1, "apollo": 16 * 4 + 2 * 4 * 40 + 1, "apollo-mini": 16 + 2 * 40 + 1,
    "flora": 16 * 4 + 4 * 40 + 16 + 40, "ldadam": 16 * 4 + 2 * 4 * 40 + 16 * 40, "relora": 16 * 4 + 2 * 4 * 40,
    "q-galore": 16 * 4 // 2 + 2 + 2 * 4 * 40,
}  # fmt: skip


@pytest.mark.parametrize("name", ELEMENTS, ids="preset={}".format)
def test_the_state_has_as_many_elements_as_its_formula(name, stream, drive):
    """Claim T9. apollo-torch stores P as well; with `recompute` its state is the paper's 2nr + 2."""
    parameter = torch.nn.Parameter(torch.zeros(16, 40, dtype=torch.float64))
    optimizer = SubspaceOptimizer([{"params": [parameter], **group(name)}])
    drive(optimizer, parameter, stream((16, 40), 3))
    counted = {k: v.numel() for k, v in optimizer.state[parameter].items() if k not in COUNTERS}
    assert sum(counted.values()) == ELEMENTS[name]


@pytest.mark.parametrize("name", ["apollo", "flora", "relora"], ids="preset={}".format)
def test_a_random_basis_can_be_drawn_again_in_place_of_being_stored(name, stream, drive):
    values, sizes = [], []
    for recompute in (False, True):
        parameter = torch.nn.Parameter(torch.zeros(16, 40, dtype=torch.float64))
        chosen = preset(name, rank=4, refresh=3, recompute=recompute)
        optimizer = SubspaceOptimizer([{"params": [parameter], **chosen}])
        values.append(drive(optimizer, parameter, stream((16, 40), 8))[-1])
        sizes.append(sum(v.numel() for k, v in optimizer.state[parameter].items() if k not in ("step", "shape")))
    assert torch.equal(*values) and sizes[0] - sizes[1] == 16 * 4
    if name == "apollo":
        assert sizes[1] == 2 * 40 * 4 + 2


@pytest.mark.parametrize(
    ("name", "full"), [("galore", False), ("sara", False), ("apollo", True), ("apollo-mini", True), ("fira", True)]
)
def test_the_rank_of_an_update(name, full, stream, drive):
    """Claim T8: APOLLO and Fira move all directions, GaLore r."""
    parameter = torch.nn.Parameter(torch.zeros(16, 40, dtype=torch.float64))
    optimizer = SubspaceOptimizer([{"params": [parameter], **group(name)}])
    update = drive(optimizer, parameter, stream((16, 40), 1))[0]
    assert torch.linalg.matrix_rank(update).item() == (16 if full else 4)


def test_restarts_add_ranks_and_no_more():
    """Claim T22: after k windows a ReLoRA update has rank at most k r, and more than r."""
    parameter = torch.nn.Parameter(torch.zeros(16, 40, dtype=torch.float64))
    optimizer = SubspaceOptimizer([{"params": [parameter], **preset("relora", rank=3, refresh=4)}])
    for t in range(12):
        parameter.grad = torch.randn(16, 40, generator=torch.Generator().manual_seed(t), dtype=torch.float64)
        optimizer.step()
        assert torch.linalg.matrix_rank(parameter.detach()).item() == 3 * (t // 4 + 1)


def test_a_probe_sees_the_step(stream, drive):
    parameter, seen = torch.nn.Parameter(torch.zeros(40, 16, dtype=torch.float64)), []
    optimizer = SubspaceOptimizer([parameter], lr=0.1, subspace=GALORE)
    handle = optimizer.register_probe(seen.append)
    gradients = stream((40, 16), 7)
    values = drive(optimizer, parameter, gradients)
    assert [look.step for look in seen] == [1, 2, 3, 4, 5, 6, 7] and all(look.flipped and look.index == 0 for look in seen)
    assert [look.refreshed for look in seen] == [True, False, False, True, False, False, True]
    assert [look.overlap is not None for look in seen] == [False, False, False, True, False, False, True]
    assert seen[3].overlap == pytest.approx(overlap(seen[2].basis, seen[3].basis)) and 0.5 < seen[3].overlap < 1.0
    torch.testing.assert_close(seen[4].projected, seen[4].basis.T @ gradients[4].T)
    correction = (1 - 0.999**2) ** 0.5 / (1 - 0.9**2)
    torch.testing.assert_close(values[1] - values[0], -0.1 * correction * seen[1].update.T)
    handle.remove()
    drive(optimizer, parameter, gradients)
    assert len(seen) == 7


def test_a_parameter_without_gradient_stays_and_keeps_no_state(stream):
    a, b = (torch.nn.Parameter(torch.ones(8, 8)) for _ in range(2))
    optimizer = SubspaceOptimizer([a, b], subspace=GALORE)
    for t in range(4):
        a.grad, b.grad = torch.randn(8, 8, generator=torch.Generator().manual_seed(t)), None
        optimizer.step()
    assert torch.equal(b, torch.ones(8, 8)) and not optimizer.state.get(b) and optimizer.state[a]["step"] == 4
    b.grad, a.grad = torch.ones(8, 8), None
    optimizer.step()
    assert optimizer.state[b]["step"] == 1 and optimizer.state[a]["step"] == 4
    assert not torch.equal(b, torch.ones(8, 8))


@pytest.mark.parametrize("name", PRESETS, ids="preset={}".format)
def test_gradients_of_zeros_move_nothing_and_training_goes_on_after(name, stream, drive):
    parameter = torch.nn.Parameter(torch.ones(12, 16, dtype=torch.float64))
    optimizer = SubspaceOptimizer([{"params": [parameter], **group(name)}])
    zeros = drive(optimizer, parameter, [torch.zeros(12, 16, dtype=torch.float64)] * 5)
    assert all(torch.equal(value, torch.ones_like(value)) for value in zeros)
    after = drive(optimizer, parameter, stream((12, 16), 5))
    steps = [(b - a).norm().item() for a, b in zip([zeros[-1], *after], after, strict=False)]
    assert all(torch.isfinite(value).all() for value in after) and steps[1] > 1e-6


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")], ids=str)
@pytest.mark.parametrize("where", [0, 1], ids=["matrix", "vector"])
def test_a_gradient_that_is_not_finite_is_an_error_and_nothing_moves(bad, where):
    parameters = [torch.nn.Parameter(torch.ones(8, 6)), torch.nn.Parameter(torch.ones(5))]
    optimizer = SubspaceOptimizer(parameters, subspace=GALORE)
    for steps in range(2):
        for p in parameters:
            p.grad = torch.ones_like(p)
        before = copy.deepcopy((parameters, optimizer.state_dict()["state"]))
        parameters[where].grad.view(-1)[3] = bad
        with pytest.raises(TrainingError, match=rf"the gradient of parameter {where}, (8 x 6|5), is not finite: nothing was"):
            optimizer.step()
        assert all(torch.equal(a, b) for a, b in zip(parameters, before[0], strict=True))
        now = optimizer.state_dict()["state"]
        assert now.keys() == before[1].keys()
        assert all(torch.equal(now[i][k], before[1][i][k]) for i in now for k in now[i])
        parameters[where].grad.view(-1)[3] = 1.0
        optimizer.step()
        assert optimizer.state[parameters[0]]["step"] == steps + 1


@pytest.mark.parametrize("options", [GALORE, None], ids=["subspace", "adamw"])
def test_a_parameter_that_changes_its_shape_is_an_error(options):
    parameter = torch.nn.Parameter(torch.ones(8, 6))
    optimizer = SubspaceOptimizer([parameter], subspace=options)
    parameter.grad = torch.ones(8, 6)
    optimizer.step()
    for shape in ((8, 7), (9, 6), (6, 8)):
        parameter.grad = None
        parameter.data = torch.ones(shape)
        parameter.grad = torch.ones(shape)
        with pytest.raises(SpecError, match=rf"parameter 0 has shape \({shape[0]}, {shape[1]}\), and its state was made for "):
            optimizer.step()


def test_a_sparse_gradient_is_an_error():
    table = torch.nn.Embedding(10, 4, sparse=True)
    optimizer = SubspaceOptimizer(table.parameters(), subspace=Subspace(rank=2))
    table(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(SpecError, match="the gradient of parameter 0 is sparse"):
        optimizer.step()


def test_bf16_weights_keep_moments_and_basis_in_fp32(stream):
    parameter = torch.nn.Parameter(torch.ones(16, 24, dtype=torch.bfloat16))
    optimizer = SubspaceOptimizer([parameter], lr=0.1, subspace=GALORE)
    for gradient in stream((16, 24), 4):
        parameter.grad = gradient.bfloat16()
        optimizer.step()
    assert parameter.dtype == torch.bfloat16 and parameter.isfinite().all() and not (parameter == 1).all()
    assert {v.dtype for k, v in optimizer.state[parameter].items() if k not in COUNTERS} == {torch.float32}


@pytest.mark.parametrize("adam", ["huggingface", "torch"])
def test_decay_is_decoupled(adam):
    """A gradient of zeros leaves decay alone: (1 - lr wd) a step."""
    parameter = torch.nn.Parameter(torch.ones(6, 8, dtype=torch.float64))
    optimizer = SubspaceOptimizer([parameter], lr=0.1, weight_decay=0.5, subspace=Subspace(rank=2, adam=adam))
    for _ in range(3):
        parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, 0.95**3))


def test_a_closure_is_called_with_gradients_on():
    parameter = torch.nn.Parameter(torch.ones(6, 8))
    optimizer = SubspaceOptimizer([parameter], subspace=GALORE)

    def closure():
        optimizer.zero_grad()
        found = parameter.square().sum()
        found.backward()
        return found

    assert optimizer.step(closure).item() == 48.0 and not torch.equal(parameter, torch.ones(6, 8))


def test_a_scheduler_moves_its_rate(stream, drive):
    parameter = torch.nn.Parameter(torch.zeros(8, 8, dtype=torch.float64))
    optimizer = SubspaceOptimizer([parameter], lr=1.0, subspace=GALORE)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.0)
    drive(optimizer, parameter, stream((8, 8), 2))
    schedule.step()
    assert torch.equal(parameter, torch.zeros_like(parameter))

import pytest
import torch
from harness.models import tiny
from harness.training import by_group, lm, methods, recipes
from harness.training.loop import run_loop
from harness.training.runs import projections

NAME = {"arm": "lm", "scale": "tiny", "seed": 0}
MATRICES = ((64, 64), (64, 64), (32, 64), (32, 64), (160, 64), (160, 64), (64, 160)) * 2


@pytest.fixture
def model():
    return tiny.build(0).model


def built(model, arm, rate=0.01):
    return by_group.build(recipes.bench_arm(arm, rate), model, seed=0)


@pytest.mark.parametrize("arm", methods.METHODS, ids="arm={}".format)
def test_matrices_are_stepped_by_the_method_and_all_else_by_adamw_at_one_rate(model, arm):
    optimizer = built(model, arm)
    matrices = {id(p) for p in projections(dict(model.named_parameters())).values()}
    groups = [{id(p) for p in group["params"]} for group in optimizer.param_groups]
    rest = {id(p) for p in model.parameters()} - matrices
    assert groups == ([rest] if arm == "lm_frozen" else [matrices, rest])
    assert [group["lr"] for group in optimizer.param_groups] == ([0.01] if arm == "lm_frozen" else [0.01, methods.REST_LR])
    assert optimizer.param_groups[-1].get("subspace") is None


@pytest.mark.parametrize("arm", methods.METHODS, ids="arm={}".format)
def test_one_step_moves_everything_that_is_not_frozen(model, arm):
    start = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = built(model, arm)
    ids = torch.randint(4, 60, (4, 32), generator=torch.Generator().manual_seed(0))
    lm.cross_entropy(model, lm.Batch(ids[:, :-1], ids[:, 1:])).backward()
    optimizer.step()
    held = set(projections(start)) if arm == "lm_frozen" else set()
    for name, p in model.named_parameters():
        frozen = name.removeprefix("model.").removesuffix(".weight") in held
        assert torch.equal(p, start[name]) == frozen, name
        assert (p.grad is None) == frozen, name


@pytest.mark.parametrize("arm", ["lm_galore", "lm_muon", "lm_adamw"])
def test_the_loop_sets_every_group_in_its_ratio(model, arm):
    """Linear schedule: at the last of six steps with two of warm-up, a quarter of each group's own peak."""
    from dataclasses import replace

    recipe = replace(recipes.bench_arm(arm, 0.02), steps=6, warmup=2)
    seen = []
    tokenizer = tiny.build(0).tokenizer
    run_loop(
        model, recipe, lm.objective(model, tokenizer, recipe, 0), name=NAME, snapshot=lambda step: None,
        finished=lambda optimizer: seen.extend(group["lr"] for group in optimizer.param_groups),
    )  # fmt: skip
    assert seen == pytest.approx([0.02 / 4, methods.REST_LR / 4])


def steps(model, arm, count=2):
    optimizer = built(model, arm)
    for step in range(count):
        ids = torch.randint(4, 60, (4, 32), generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        lm.cross_entropy(model, lm.Batch(ids[:, :-1], ids[:, 1:])).backward()
        optimizer.step()
    return by_group.state_elements(optimizer, model)


@pytest.mark.parametrize(
    ("arm", "formula"),
    [
        ("lm_adamw", lambda m, n: 2 * m * n),
        ("lm_muon", lambda m, n: m * n),
        ("lm_frozen", lambda m, n: 0),
        ("lm_galore", lambda m, n: min(m, n) * 16 + 2 * 16 * max(m, n)),
        ("lm_apollo", lambda m, n: min(m, n) * 16 + 2 * 16 * max(m, n) + 1),
        ("lm_apollo_mini", lambda m, n: min(m, n) + 2 * max(m, n) + 1),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_is_remembered_has_the_size_of_the_formula(model, arm, formula):
    """Claim T9's counts, every matrix by its shape; P is kept, so APOLLO has a r elements more than the paper's 2 r b + 2."""
    shapes = {name: tuple(p.shape) for name, p in projections(dict(model.named_parameters())).items()}
    assert sorted(shapes.values()) == sorted(MATRICES)
    assert steps(model, arm) == {name: formula(*shape) for name, shape in shapes.items()}


def test_adamw_in_two_groups_is_adamw(model):
    """Reference: one group at one rate gives the same bits."""
    import copy

    other = copy.deepcopy(model)
    plain = torch.optim.AdamW(other.parameters(), lr=methods.REST_LR, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    grouped = built(model, "lm_adamw", methods.REST_LR)
    for each, optimizer in ((model, grouped), (other, plain)):
        ids = torch.randint(4, 60, (4, 32), generator=torch.Generator().manual_seed(0))
        lm.cross_entropy(each, lm.Batch(ids[:, :-1], ids[:, 1:])).backward()
        optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))

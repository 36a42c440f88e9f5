"""A checkpoint is tensors and plain values: it loads with weights_only, and goes on bit for bit."""

import copy
import io

import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import PRESETS, Subspace, SubspaceOptimizer, preset


def through_file(state):
    """What torch's safe loader gives back of what was saved."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def build(name, dtype=torch.float32, **changes):
    g = torch.Generator().manual_seed(0)
    shapes = [(12, 20), (20, 12), (7,), (3, 2, 2, 2)]
    parameters = [torch.nn.Parameter(torch.randn(s, generator=g).to(dtype)) for s in shapes]
    defaults = {"rank": 1 if name == "apollo-mini" else 4, **({} if name == "ldadam" else {"refresh": 3})}
    chosen = preset(name, **(defaults | changes))
    return parameters, SubspaceOptimizer([{"params": parameters, **chosen}], seed=5)


def run(parameters, optimizer, first, last):
    for t in range(first, last):
        g = torch.Generator().manual_seed(100 + t)
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=g).to(p.dtype)
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", PRESETS, ids="preset={}".format)
def test_a_run_that_resumes_is_the_run_that_did_not_stop(name, dtype):
    """Stopped inside a window and right before a refresh."""
    whole, optimizer = build(name, dtype)
    run(whole, optimizer, 0, 8)
    for stop in (2, 3):
        part, first = build(name, dtype)
        run(part, first, 0, stop)
        saved = through_file({"weights": part, "optimizer": first.state_dict()})
        again, second = build(name, dtype)
        with torch.no_grad():
            for p, w in zip(again, saved["weights"], strict=True):
                p.copy_(w)
        second.load_state_dict(saved["optimizer"])
        run(again, second, stop, 8)
        assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
        ours, theirs = (o.state_dict()["state"] for o in (optimizer, second))
        pairs = [(ours[i][k], theirs[i][k]) for i in ours for k in ours[i]]
        assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)


@pytest.mark.parametrize("name", ["apollo", "relora"], ids="preset={}".format)
def test_a_basis_that_is_recomputed_resumes_too(name):
    whole, optimizer = build(name, recompute=True)
    run(whole, optimizer, 0, 8)
    part, first = build(name, recompute=True)
    run(part, first, 0, 5)
    second = SubspaceOptimizer([{"params": part, **preset(name, rank=4, refresh=3, recompute=True)}])  # the seed is in the file
    second.load_state_dict(through_file(first.state_dict()))
    run(part, second, 5, 8)
    assert all(torch.equal(a, b) for a, b in zip(whole, part, strict=True))


def test_protected_tasks_resume():
    parameters, optimizer = build("coso", sketch=6)
    run(parameters, optimizer, 0, 4)
    optimizer.end_task()
    copied = copy.deepcopy(parameters)
    other = SubspaceOptimizer([{"params": copied, **preset("coso", rank=4, refresh=3, sketch=6)}])
    other.load_state_dict(through_file(optimizer.state_dict()))
    run(parameters, optimizer, 4, 8)
    run(copied, other, 4, 8)
    assert optimizer.state[parameters[0]]["history"].shape[1] > 0
    assert all(torch.equal(a, b) for a, b in zip(parameters, copied, strict=True))


def test_loading_copies():
    """torch's own load shares memory with the dictionary, so that two runs from one checkpoint would meet in it."""
    parameters, optimizer = build("galore")
    run(parameters, optimizer, 0, 2)
    saved = optimizer.state_dict()
    kept = copy.deepcopy(saved)
    other, second = build("galore")
    second.load_state_dict(saved)
    run(other, second, 2, 6)
    assert all(torch.equal(saved["state"][i][k], kept["state"][i][k]) for i in kept["state"] for k in kept["state"][i])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(rank=6), "the checkpoint has rank 4 in group 0, and here it is 6: resume with rank 4, or start afresh"),
        (dict(side="left"), "has side smaller in group 0, and here it is left"),
        (dict(bits=4), "has bits None in group 0, and here it is 4"),
        (dict(limiter=1.01), "has limiter None in group 0, and here it is 1.01"),
        (dict(second="none"), "has second adam in group 0"),
    ],
    ids=str,
)
def test_resuming_with_another_structure_is_an_error_and_changes_nothing(changes, says):
    parameters, optimizer = build("galore")
    run(parameters, optimizer, 0, 2)
    others, second = build("galore", **changes)
    run(others, second, 0, 1)
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(SpecError, match=says):
        second.load_state_dict(optimizer.state_dict())
    after = second.state_dict()
    assert after["param_groups"] == before["param_groups"]
    assert all(torch.equal(after["state"][i][k], before["state"][i][k]) for i in before["state"] for k in before["state"][i])


def test_resuming_with_other_parameters_is_an_error():
    parameters, optimizer = build("galore")
    run(parameters, optimizer, 0, 2)
    saved = optimizer.state_dict()
    options = Subspace(rank=4)
    with pytest.raises(SpecError, match="made for other parameter groups"):
        SubspaceOptimizer(parameters[:2], subspace=options).load_state_dict(saved)
    with pytest.raises(SpecError, match="group 0 of the checkpoint has a subspace, and here"):
        SubspaceOptimizer(parameters).load_state_dict(saved)
    with pytest.raises(SpecError, match=r"parameter 0 has shape \(12, 24\), and its state was made for \(12, 20\)"):
        SubspaceOptimizer([torch.nn.Parameter(torch.zeros(12, 24)), *parameters[1:]], subspace=options).load_state_dict(saved)


def test_settings_that_change_no_tensor_come_from_the_checkpoint():
    """As with any torch optimizer: rate, interval and scale are those of the run that is resumed."""
    parameters, optimizer = build("galore", scale=0.5)
    others, second = build("galore", refresh=7)
    run(parameters, optimizer, 0, 2)
    second.load_state_dict(optimizer.state_dict())
    assert second.param_groups[0]["subspace"]["scale"] == 0.5 and second.param_groups[0]["subspace"]["refresh"] == 3


@pytest.mark.parametrize("fused", [None, True], ids="fused={}".format)
def test_resuming_on_another_device_moves_the_tensors_and_not_the_counters(fused):
    """The meta device stands in for one that this machine lacks; AdamW's fused counters go along, as in torch."""
    parameters, optimizer = build("q-galore")
    optimizer.param_groups[0]["fused"] = fused
    run(parameters, optimizer, 0, 2)
    elsewhere = [torch.nn.Parameter(torch.empty_like(p, device="meta")) for p in parameters]
    second = SubspaceOptimizer([{"params": elsewhere, **preset("q-galore", rank=4, refresh=3)}])
    second.load_state_dict(optimizer.state_dict())
    for p, origin in zip(elsewhere, parameters, strict=True):
        for key, value in second.state[p].items():
            counter = key in ("refreshes", "shape") or (key == "step" and (p.ndim == 2 or not fused))
            assert value.device.type == ("cpu" if counter else "meta"), key
            assert value.dtype == optimizer.state[origin][key].dtype


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", PRESETS, ids="preset={}".format)
def test_a_run_goes_on_on_a_gpu(name):
    """Random subspaces are the same there; the numbers are close."""
    parameters, optimizer = build(name, torch.float64)
    run(parameters, optimizer, 0, 4)
    moved = [torch.nn.Parameter(p.detach().cuda()) for p in parameters]
    second = SubspaceOptimizer([{"params": moved, **{k: v for k, v in optimizer.param_groups[0].items() if k != "params"}}])
    second.load_state_dict(through_file(optimizer.state_dict()))
    for t in range(4, 9):
        g = torch.Generator().manual_seed(100 + t)
        for p, q in zip(parameters, moved, strict=True):
            p.grad = torch.randn(p.shape, generator=g).to(p.dtype)
            q.grad = p.grad.cuda()
        optimizer.step()
        second.step()
    for p, q in zip(parameters, moved, strict=True):
        torch.testing.assert_close(q.detach().cpu(), p.detach(), rtol=1e-6, atol=1e-7)


def test_a_copied_optimizer_goes_on_alone():
    parameters, optimizer = build("galore")
    run(parameters, optimizer, 0, 2)
    others, second = copy.deepcopy((parameters, optimizer))
    run(parameters, optimizer, 2, 6)
    run(others, second, 2, 6)
    assert all(torch.equal(a, b) for a, b in zip(parameters, others, strict=True))


def test_a_checkpoint_of_torchs_adamw_goes_on_without_a_subspace():
    parameters, _ = build("galore")
    others = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
    first, options = torch.optim.AdamW(parameters, lr=0.01, weight_decay=0.1), dict(lr=0.01, weight_decay=0.1)
    second = torch.optim.AdamW(others, **options)
    run(parameters, first, 0, 2)
    run(others, second, 0, 2)
    ours = SubspaceOptimizer(others)
    ours.load_state_dict(through_file(second.state_dict()))
    run(parameters, first, 2, 5)
    run(others, ours, 2, 5)
    assert all(torch.equal(a, b) for a, b in zip(parameters, others, strict=True))

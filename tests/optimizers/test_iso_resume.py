"""A checkpoint is tensors and plain values: it loads with weights_only, and goes on bit for bit."""

import copy
import io

import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import IsoOptimizer, iso_preset

SETTINGS = {
    "iso": dict(),
    "iso-muon": dict(base="muon"),
    "sgd": dict(base="sgd", gradient="riemannian", transport=True),
    "plain sgd": dict(base="sgd", momentum=0.0),
    "block-cayley": dict(retraction="block-cayley", block=4, tighten=3),
    "polar": dict(retraction="polar"),
    "spectrum": dict(train="spectrum"),
}


def through_file(state):
    """What torch's safe loader gives back of what was saved."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def build(changes, dtype=torch.float32, seed=5):
    g = torch.Generator().manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(s, generator=g).to(dtype)) for s in [(9, 14), (14, 9), (7,), (3, 2, 2, 2)]]
    return parameters, IsoOptimizer([{"params": parameters, **iso_preset("iso", **changes)}], lr=0.01, seed=seed)


def run(parameters, optimizer, first, last):
    for t in range(first, last):
        g = torch.Generator().manual_seed(100 + t)
        for p in parameters:
            p.grad = torch.randn(p.shape, generator=g).to(p.dtype)
        optimizer.step()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", SETTINGS, ids="option={}".format)
def test_a_run_that_resumes_is_the_run_that_did_not_stop(name, dtype):
    whole, optimizer = build(SETTINGS[name], dtype)
    run(whole, optimizer, 0, 7)
    part, first = build(SETTINGS[name], dtype)
    run(part, first, 0, 2)
    saved = through_file({"weights": part, "optimizer": first.state_dict()})
    again, second = build(SETTINGS[name], dtype, seed=77)  # the seed is in the file
    with torch.no_grad():
        for p, w in zip(again, saved["weights"], strict=True):
            p.copy_(w)
    second.load_state_dict(saved["optimizer"])
    run(again, second, 2, 7)
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    ours, theirs = (o.state_dict()["state"] for o in (optimizer, second))
    pairs = [(ours[i][k], theirs[i][k]) for i in ours for k in ours[i]]
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in pairs)


def test_loading_copies():
    parameters, optimizer = build({})
    run(parameters, optimizer, 0, 2)
    saved = optimizer.state_dict()
    kept = copy.deepcopy(saved)
    other, second = build({})
    second.load_state_dict(saved)
    run(other, second, 2, 4)
    assert all(torch.equal(saved["state"][i][k], kept["state"][i][k]) for i in kept["state"] for k in kept["state"][i])


def test_a_copied_optimizer_goes_on_alone():
    parameters, optimizer = build({})
    run(parameters, optimizer, 0, 2)
    others, second = copy.deepcopy((parameters, optimizer))
    run(parameters, optimizer, 2, 4)
    run(others, second, 2, 4)
    assert all(torch.equal(a, b) for a, b in zip(parameters, others, strict=True))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (dict(base="muon"), "the checkpoint has base adamw in group 0, and here it is muon: resume with base adamw"),
        (dict(train="spectrum"), "has train frames in group 0, and here it is spectrum"),
    ],
    ids=str,
)
def test_resuming_with_another_structure_is_an_error_and_changes_nothing(changes, says):
    parameters, optimizer = build({})
    run(parameters, optimizer, 0, 2)
    others, second = build(changes)
    run(others, second, 0, 1)
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(SpecError, match=says):
        second.load_state_dict(optimizer.state_dict())
    after = second.state_dict()
    assert after["param_groups"] == before["param_groups"]
    assert all(torch.equal(after["state"][i][k], before["state"][i][k]) for i in before["state"] for k in before["state"][i])


def test_momentum_may_change_but_not_appear():
    sgd = dict(base="sgd", momentum=0.5)
    parameters, optimizer = build(sgd)
    run(parameters, optimizer, 0, 1)
    build(sgd | {"momentum": 0.9})[1].load_state_dict(optimizer.state_dict())
    with pytest.raises(SpecError, match=r"has momentum 0.5 in group 0, and here it is 0.0"):
        build(sgd | {"momentum": 0.0})[1].load_state_dict(optimizer.state_dict())


def test_resuming_with_other_parameters_is_an_error():
    parameters, optimizer = build({})
    run(parameters, optimizer, 0, 2)
    saved = optimizer.state_dict()
    with pytest.raises(SpecError, match="made for other parameter groups"):
        IsoOptimizer(parameters[:2], **iso_preset("iso")).load_state_dict(saved)
    with pytest.raises(SpecError, match="group 0 of the checkpoint is isospectral, and here it is the other way"):
        IsoOptimizer(parameters).load_state_dict(saved)
    with pytest.raises(SpecError, match=r"parameter 0 has shape \(9, 15\), and its state was made for \(9, 14\)"):
        IsoOptimizer([torch.nn.Parameter(torch.zeros(9, 15)), *parameters[1:]], **iso_preset("iso")).load_state_dict(saved)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda x: x.bfloat16(), "the right frame of parameter 1 was saved as torch.bfloat16"),
        (lambda x: x.bfloat16().float(), "it must be torch.float32 and below 0.001"),
    ],
    ids=["stored in bf16", "through bf16"],
)
def test_frames_that_were_rounded_are_refused(spoil, says):
    """A frame in bf16 is orthonormal to 4e-3 only, and loses the steps."""
    parameters, optimizer = build({})
    run(parameters, optimizer, 0, 2)
    saved = copy.deepcopy(optimizer.state_dict())
    saved["state"][1]["right"] = spoil(saved["state"][1]["right"])
    with pytest.raises(SpecError, match=says):
        build({})[1].load_state_dict(saved)


def test_a_checkpoint_of_torchs_adamw_goes_on_without_iso():
    parameters, _ = build({})
    others = [torch.nn.Parameter(p.detach().clone()) for p in parameters]
    first, second = (torch.optim.AdamW(each, lr=0.01, weight_decay=0.1) for each in (parameters, others))
    run(parameters, first, 0, 2)
    run(others, second, 0, 2)
    ours = IsoOptimizer(others)
    ours.load_state_dict(through_file(second.state_dict()))
    run(parameters, first, 2, 4)
    run(others, ours, 2, 4)
    assert all(torch.equal(a, b) for a, b in zip(parameters, others, strict=True))

"""Ours against the authors' packages, where they are installed; the sheet's tolerance is 1e-5 of each step in fp32.

galore-torch 1.0 (Apache-2.0) and apollo-torch 1.0.3 (CC-BY-NC 4.0: for comparison only, nothing of it is here), both with
bitsandbytes at import; fira 1.0.2 (Apache-2.0). None is a dependency: they belong to an extra of their own.
"""

import pytest
import torch
from harness.optimizers import Subspace, SubspaceOptimizer, preset
from harness.optimizers import projectors as ours

# The packages and what they import warn about their own age.
pytestmark = pytest.mark.filterwarnings("ignore")
SHAPES = [(48, 32), (32, 48), (40, 40)]
TOLERANCE, STEPS, GAP = 1e-5, 12, 5


@pytest.fixture
def galore():
    return pytest.importorskip("galore_torch")


@pytest.fixture
def apollo():
    return pytest.importorskip("apollo_torch")


def start(shape):
    return 0.02 * torch.randn(shape, generator=torch.Generator().manual_seed(0))


def deviation(theirs, options, gradients, decay=0.0, before=None, **settings):
    """Largest relative difference of a step, by step.

    Args:
        theirs: (parameter, optimizer).
        before: called between their step and ours.
    """
    parameter, reference = theirs
    own = torch.nn.Parameter(parameter.detach().clone())
    optimizer = SubspaceOptimizer([own], lr=1e-2, eps=1e-6, weight_decay=decay, subspace=options, **settings)
    found = []
    for gradient in gradients:
        old = (parameter.detach().clone(), own.detach().clone())
        parameter.grad, own.grad = gradient.clone(), gradient.clone()
        reference.step()
        if before:
            before(reference.state[parameter])
        optimizer.step()
        step, wanted = own.detach() - old[1], parameter.detach() - old[0]
        found.append(((step - wanted).norm() / wanted.norm()).item())
    return found


def galore_optimizer(galore, shape, decay):
    parameter = torch.nn.Parameter(start(shape))
    group = dict(params=[parameter], rank=8, update_proj_gap=GAP, scale=0.25, proj_type="std")
    return parameter, galore.GaLoreAdamW([group], lr=1e-2, weight_decay=decay, no_deprecation_warning=True)


@pytest.mark.parametrize("decay", [0.0, 0.1], ids="decay={}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"shape={s[0]}x{s[1]}")
def test_galore_step_for_step_over_refreshes(galore, shape, decay, stream, record_property):
    gradients = stream(shape, STEPS, seed=1, dtype=torch.float32)
    options = preset("galore", rank=8, refresh=GAP, exact=True)["subspace"]
    found = deviation(galore_optimizer(galore, shape, decay), options, gradients, decay)
    record_property("deviation", found)
    assert max(found) <= TOLERANCE


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"shape={s[0]}x{s[1]}")
def test_galore_by_our_projector_with_their_signs(galore, shape, stream, monkeypatch, record_property):
    """Kept moments see the signs, so ours get theirs. Their fp32 SVD is what is off here, ours at this size is fp64."""
    gradients = stream(shape, STEPS, seed=1, dtype=torch.float32)
    parameter, reference = galore_optimizer(galore, shape, 0.0)
    options = preset("galore", rank=8, refresh=GAP)["subspace"]

    def signed(basis, previous):
        p = reference.state[parameter]["projector"].ortho_matrix
        p = p.T if p.shape[0] == 8 else p
        return basis * (basis * p).sum(0).sign()

    monkeypatch.setattr(ours, "aligned", signed)
    found = deviation((parameter, reference), options, gradients)
    record_property("deviation", found)
    assert max(found) <= 3 * TOLERANCE


APOLLO = {
    "channel": (dict(rank=8, scale=1.0, scale_type="channel"), dict(rank=8)),
    "tensor": (dict(rank=1, scale=128.0, scale_type="tensor"), dict()),
    "front": (dict(rank=1, scale=128.0, scale_type="tensor"), dict(limiter_after_scale=True)),
    "unlimited": (dict(rank=8, scale=1.0, scale_type="channel"), dict(rank=8, limiter=None)),
}


@pytest.mark.parametrize("kind", APOLLO, ids="kind={}".format)
@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"shape={s[0]}x{s[1]}")
def test_apollo_step_for_step_with_its_random_matrices(apollo, shape, kind, stream, monkeypatch, record_property):
    """Their random numbers are theirs, so their P is handed over after each of their steps; everything else is compared."""
    theirs, changes = APOLLO[kind]
    parameter = torch.nn.Parameter(start(shape))
    group = dict(params=[parameter], update_proj_gap=GAP, proj="random", proj_type="std", **theirs)
    reference = apollo.APOLLOAdamW([group], lr=1e-2, scale_front=kind == "front", disable_nl=kind == "unlimited")
    name = "apollo-mini" if theirs["scale_type"] == "tensor" else "apollo"
    options = preset(name, refresh=GAP, **changes)["subspace"]

    def handed(which, like, rank, draw):
        p = reference.state[parameter]["projector"].ortho_matrix
        return (p.T if p.shape[0] == rank else p).clone()

    monkeypatch.setattr(ours, "random_basis", handed)
    found = deviation((parameter, reference), options, stream(shape, STEPS, seed=1, dtype=torch.float32))
    record_property("deviation", found)
    assert max(found) <= TOLERANCE


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: f"shape={s[0]}x{s[1]}")
def test_fira_step_for_step_over_refreshes(shape, stream, record_property):
    fira = pytest.importorskip("fira")
    parameter = torch.nn.Parameter(start(shape))
    group = dict(params=[parameter], rank=8, update_proj_gap=GAP, alpha=0.25, proj_type="std")
    reference = fira.FiraAdamW([group], lr=1e-2, no_deprecation_warning=True)
    options = preset("fira", rank=8, refresh=GAP, exact=True)["subspace"]
    found = deviation((parameter, reference), options, stream(shape, STEPS, seed=1, dtype=torch.float32))
    record_property("deviation", found)
    assert max(found) <= TOLERANCE


def test_galores_state_does_not_load_safely_and_ours_does(galore, stream, tmp_path):
    """What makes the Trainer unable to resume it: a Python object in the state."""
    import pickle

    parameter, reference = galore_optimizer(galore, (32, 48), 0.0)
    own = torch.nn.Parameter(parameter.detach().clone())
    optimizer = SubspaceOptimizer([own], subspace=Subspace(rank=8))
    parameter.grad = own.grad = stream((32, 48), 1, dtype=torch.float32)[0]
    for name, each in (("theirs", reference), ("ours", optimizer)):
        each.step()
        torch.save(each.state_dict(), tmp_path / name)
    assert torch.load(tmp_path / "ours", weights_only=True)["state"][0].keys() >= {"basis", "exp_avg"}
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "theirs", weights_only=True)

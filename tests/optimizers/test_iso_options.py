import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import ISO_PRESETS, IsoOptimizer, Isospectral, iso_preset


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(base="lion"), "base 'lion' is not known; use sgd, adamw, muon"),
        (dict(gradient="natural"), "gradient 'natural' is not known"),
        (dict(retraction="exp"), "retraction 'exp' is not known; use polar, newton-schulz, qr, cayley, block-cayley"),
        (dict(train="both"), "train 'both' is not known"),
        (dict(transport="yes"), "transport 'yes' is not known; use False, True"),
        (dict(iterations=0), "iterations 0 must be a whole number of at least 1, or None"),
        (dict(iterations=2, retraction="polar"), "'polar' has no iterations"),
        (dict(block=0), "block 0 must be a whole number of at least 1"),
        (dict(block=None), "block None must be"),
        (dict(tighten=1.5), "tighten 1.5 must be"),
        (dict(momentum=1.0), r"momentum 1.0 must lie in \[0, 1\)"),
        (dict(base="sgd", momentum=0.0, transport=True), "without momentum there is nothing to transport"),
        (dict(train="spectrum", gradient="riemannian"), "a spectrum is a flat space"),
    ],
    ids=str,
)
def test_a_wrong_setting_says_what_is_wrong(change, says):
    with pytest.raises(SpecError, match=says):
        Isospectral(**change)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (dict(lr=-1.0), "learning rate -1.0 is negative"),
        (dict(betas=(1.0, 0.9)), r"betas \(1.0, 0.9\) must lie in"),
        (dict(eps=-1e-8), "eps -1e-08 is negative"),
        (dict(iso="iso"), "the iso of a group must be an Isospectral or None, not 'iso'"),
        (dict(weight_decay=-0.1), "weight decay -0.1 is negative"),
        (dict(weight_decay=0.1, iso=Isospectral()), "weight decay 0.1 would move the singular values"),
    ],
    ids=str,
)
def test_a_wrong_group_says_what_is_wrong(change, says):
    with pytest.raises(SpecError, match=says):
        IsoOptimizer([torch.nn.Parameter(torch.zeros(4, 4))], **change)


def test_vectors_may_decay_in_a_group_with_iso():
    optimizer = IsoOptimizer([torch.nn.Parameter(torch.zeros(4))], weight_decay=0.1, iso=Isospectral())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1]


def test_complex_parameters_are_refused():
    with pytest.raises(SpecError, match="parameter 0 is torch.complex64, not a real floating type"):
        IsoOptimizer([torch.nn.Parameter(torch.zeros(4, 4, dtype=torch.complex64))], iso=Isospectral())


def test_muon_of_an_older_torch_is_refused(monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon")
    with pytest.raises(SpecError, match="torch 2.9 and later"):
        IsoOptimizer([torch.nn.Parameter(torch.ones(4, 4))], **iso_preset("iso-muon"))


@pytest.mark.parametrize("name", ISO_PRESETS, ids="preset={}".format)
def test_options_survive_as_plain_values(name):
    plain = iso_preset(name)["iso"].plain()
    assert Isospectral(**plain) == ISO_PRESETS[name]
    assert all(value is None or isinstance(value, (bool, int, float, str)) for value in plain.values())


def test_a_preset_can_be_changed_and_a_wrong_name_is_an_error():
    assert iso_preset("iso", retraction="polar")["iso"] == Isospectral(retraction="polar")
    with pytest.raises(SpecError, match="no isospectral method 'isomap': use one of iso, iso-muon, spectrum-only"):
        iso_preset("isomap")
    with pytest.raises(SpecError, match="has no setting lr, rank"):
        iso_preset("iso", rank=4, lr=1e-3)


def test_cayley_alone_is_looked_at():
    assert [t for t in range(1, 33) if Isospectral(retraction="cayley").tightens(t)] == [16, 32]
    assert not any(Isospectral(retraction=name).tightens(16) for name in ("polar", "newton-schulz", "qr"))
    assert not Isospectral(retraction="cayley", tighten=None).tightens(16)

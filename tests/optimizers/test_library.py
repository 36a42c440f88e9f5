import pytest
import torch
from harness.errors import SpecError
from harness.optimizers import library_optimizer

requires_muon = pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="torch before 2.9")


@pytest.mark.parametrize("name", ["adafactor", pytest.param("muon", marks=requires_muon)], ids="optimizer={}".format)
def test_torchs_own_are_torchs(name):
    weight = torch.nn.Parameter(torch.ones(6, 8))
    found = library_optimizer(name, [weight], lr=0.1)
    assert type(found).__module__.startswith("torch.optim") and found.param_groups[0]["lr"] == 0.1
    weight.square().sum().backward()
    found.step()
    assert not torch.equal(weight, torch.ones(6, 8))


def test_lion_is_the_textbooks():
    """c = b1 m + (1 - b1) g;  w <- w - lr (sign c + wd w);  m <- b2 m + (1 - b2) g."""
    pytest.importorskip("pytorch_optimizer")
    g = torch.Generator().manual_seed(0)
    start, m = torch.randn(6, 8, generator=g), torch.zeros(6, 8)
    weight = torch.nn.Parameter(start.clone())
    optimizer = library_optimizer("lion", [weight], lr=1e-3, weight_decay=0.1)
    for _ in range(4):
        weight.grad = torch.randn(6, 8, generator=g)
        start = start * (1 - 1e-3 * 0.1) - 1e-3 * (0.9 * m + 0.1 * weight.grad).sign()
        m = 0.99 * m + 0.01 * weight.grad
        optimizer.step()
        torch.testing.assert_close(weight.detach(), start)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("apollo", "apollo is not taken from a library: .*preset"),
        ("adam-mini", "adam-mini is not taken from a library"),
        ("sgdx", "there is no optimizer 'sgdx': use one of muon, adafactor, soap, lion"),
    ],
)
def test_what_was_found_wrong_cannot_be_had(name, says):
    with pytest.raises(SpecError, match=says):
        library_optimizer(name, [torch.nn.Parameter(torch.ones(2, 2))])


def test_a_library_that_is_missing_is_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pytorch_optimizer", None)
    with pytest.raises(SpecError, match="soap comes from pytorch_optimizer, which is not installed: pip install"):
        library_optimizer("soap", [torch.nn.Parameter(torch.ones(2, 2))])

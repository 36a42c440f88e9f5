import pytest
import torch

from harness.errors import MeasureError
from harness.interventions import off_principal_part, principal_part
from harness.nulls import apply
from harness.spectra import Change, Frame, principal_energy

SHAPES = {"tall": (40, 24), "wide": (24, 32), "square": (24, 24)}


@pytest.fixture
def change(generator):
    base = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    return Change(base, {name: torch.randn(shape, generator=generator).double() for name, shape in SHAPES.items()})


def energy(d):
    return d.square().sum().item()


@pytest.mark.parametrize("side", ["both", "left", "right"])
@pytest.mark.parametrize("block", ["principal", "minor", "random"])
def test_on_and_off_are_projections_that_add_up(side, block, change):
    """Truth: parts are orthogonal and projecting twice is projecting once; on one side they add up, on both the corners are left."""

    def parts(of):
        same = dict(k=5, side=side, block=block)
        return [part(of, **same, generator=torch.Generator().manual_seed(1)) for part in (principal_part, off_principal_part)]

    on, off = parts(change)
    for name, d in change.update.items():
        a, b = on.update[name], off.update[name]
        assert abs((a * b).sum().item()) < 1e-10 * energy(d)
        torch.testing.assert_close(parts(on)[0].update[name], a, rtol=0, atol=1e-11)
        torch.testing.assert_close(parts(off)[1].update[name], b, rtol=0, atol=1e-11)
        assert parts(on)[1].update[name].abs().max() < 1e-11
        rest = energy(d) - energy(a) - energy(b)
        assert rest > 0.05 * energy(d) if side == "both" else abs(rest) < 1e-10 * energy(d)


@pytest.mark.parametrize("block, taken", [("principal", slice(None, 5)), ("minor", slice(-5, None))])
def test_the_block_is_that_of_the_bases_frame(block, taken, change):
    """Truth: C[taken, taken] and nothing else of U^T D V."""
    on, off = principal_part(change, k=5, block=block), off_principal_part(change, k=5, side="any", block=block)
    for name, w0 in change.base.items():
        frame, d = Frame.of(w0), change.update[name]
        wanted = torch.zeros_like(frame.read(d).C)
        wanted[taken, taken] = frame.read(d).C[taken, taken]
        torch.testing.assert_close(frame.read(on.update[name]).C, wanted, rtol=0, atol=1e-12)
        torch.testing.assert_close(on.update[name] + off.update[name], d, rtol=0, atol=1e-12)


def test_the_measure_of_principal_energy_sees_all_or_nothing(change):
    on, off = principal_part(change, fraction=0.25), off_principal_part(change, fraction=0.25)
    assert principal_energy(on, fraction=0.25) == pytest.approx(dict.fromkeys(SHAPES, 1.0), abs=1e-12)
    assert principal_energy(off, fraction=0.25) == pytest.approx(dict.fromkeys(SHAPES, 0.0), abs=1e-12)


def test_plants_lie_on_and_off_the_block(change, generator):
    """The surrogates of harness.nulls are noise with all of it on, or off, the same block."""
    on, off = (apply(name, change, generator) for name in ("principal_block", "off_principal"))
    for name in SHAPES:
        torch.testing.assert_close(principal_part(on).update[name], on.update[name], rtol=0, atol=1e-11)
        torch.testing.assert_close(off_principal_part(off).update[name], off.update[name], rtol=0, atol=1e-11)


@pytest.mark.parametrize("block", ["principal", "minor", "random"])
@pytest.mark.parametrize("side", ["both", "left", "right"])
def test_noise_lies_on_a_block_by_chance(side, block, change, generator):
    """Limit: k^2/mn, k/m, k/n; the share's relative error is at most sqrt(2 / k^2), ten draws, five standard errors."""
    k, (m, n) = 8, SHAPES["tall"]
    chance = {"both": k * k / (m * n), "left": k / m, "right": k / n}[side]
    shares = []
    for _ in range(10):
        noise = apply("isotropic", change, generator)
        part = principal_part(noise, k=k, side=side, block=block, generator=generator)
        shares.append(energy(part.update["tall"]) / energy(noise.update["tall"]))
    assert sum(shares) / 10 == pytest.approx(chance, rel=5 * (2 / (k * k * 10)) ** 0.5)


def test_a_block_that_is_not_there_is_refused(change):
    with pytest.raises(MeasureError, match="unknown block 'top': use one of principal, minor, random"):
        principal_part(change, block="top")
    with pytest.raises(MeasureError, match="unknown side 'any' of a block: use one of both, left, right"):
        principal_part(change, side="any")
    with pytest.raises(MeasureError, match="a random block is drawn: pass a generator"):
        off_principal_part(change, block="random")
    with pytest.raises(MeasureError, match="k = 25 leading directions of a matrix that has 24"):
        off_principal_part(change, k=25)

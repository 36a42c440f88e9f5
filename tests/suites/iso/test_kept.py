"""Shares of a gain, on models whose success is a known function of their weights."""

from types import SimpleNamespace

import pytest
import torch
from harness.spectra import Change
from suites.iso.kept import beside, on_base, share

REST = 0.05
"""What the other weights bring."""


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(5)


@pytest.fixture
def arm(generator):
    first = torch.randn(12, 8, generator=generator)
    return Change.from_weights({"w": first}, {"w": first + 0.05 * torch.randn(12, 8, generator=generator)}, label="arm")


class Models:
    """Success falls with the distance to the tuned matrix, and rises by REST with the other weights."""

    def __init__(self, arm):
        self.arm = arm

    def base(self, arm):
        return SimpleNamespace(held_out_success=0.2)

    def of(self, change, others="base"):
        tuned, norm = self.arm.update["w"], self.arm.update["w"].norm()
        near = 1 - ((change.update["w"] - tuned).norm() / norm).item()
        rest = REST if others == "tuned" or change is self.arm else 0.0
        return SimpleNamespace(held_out_success=0.2 + 0.4 * near + rest)


def test_the_arm_itself_keeps_all_and_its_other_weights_their_share(arm, generator):
    models = Models(arm)
    assert beside(models, arm, generator, "tuned") == pytest.approx(1.0)
    assert beside(models, arm, generator, "none") == pytest.approx(REST / (0.4 + REST))
    assert on_base(models, arm, generator, "both") == pytest.approx(0.4 / (0.4 + REST))


def test_restored_and_random_values_are_as_far_from_the_arm(arm, generator):
    """So a success that knows the distance alone cannot tell them apart: what the contrast of the two is about."""
    models = Models(arm)
    restored, drawn = (beside(models, arm, generator, values) for values in ("base", "random"))
    assert restored == pytest.approx(drawn, abs=1e-6) and 0.5 < restored < 1.0


def test_frames_bring_most_and_the_spectrum_little(arm, generator):
    models = Models(arm)
    assert on_base(models, arm, generator, "frames") > 0.5 > on_base(models, arm, generator, "spectrum")
    assert on_base(models, arm, generator, "random") < 0.1


def test_others_are_those_that_are_asked_for(arm):
    models = Models(arm)
    beside_it, alone = (share(models, arm, arm.scaled(0.0), others) for others in ("tuned", "base"))
    assert beside_it - alone == pytest.approx(REST / (0.4 + REST))


def test_a_part_that_does_not_exist_is_an_error(arm, generator):
    with pytest.raises(KeyError):
        beside(Models(arm), arm, generator, "other")

import pytest
import torch

from harness.claims.controls import CONTROLS
from harness.errors import MeasureError, SpecError
from harness.nulls import NULLS, PLANTS, apply
from harness.spectra import Change

ALL = [*NULLS, *PLANTS]
# Rounding to bf16 comes after the match, so the first keeps its norm roughly only; the second keeps another size.
EXACT = [name for name in ALL if name not in ("gated_isotropic", "density_matched")]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_claim_can_name_all_of_them_and_no_other():
    """harness.claims lists the names without importing torch; variant and swap are the engine's own."""
    assert set(ALL) == CONTROLS - {"variant", "swap"}


@pytest.mark.parametrize("name", EXACT)
def test_the_norm_of_every_matrix_and_snapshot_is_kept(name, arm):
    """Truth: that is what "matched" means. A sum of 1536 squares rounds below 1e-12."""
    surrogate = apply(name, arm, seeded())
    assert dict(surrogate.norm()) == pytest.approx(dict(arm.norm()), rel=1e-12)
    assert [step for step, _ in surrogate.trajectory] == [0, 1, 8]
    for (_, mine), (_, theirs) in zip(surrogate.trajectory, arm.trajectory, strict=True):
        assert dict(mine.norm()) == pytest.approx(dict(theirs.norm()), rel=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_a_surrogate_keeps_its_place_and_loses_its_capability(name, arm):
    surrogate = apply(name, arm, seeded())
    role = "null" if name in NULLS else "plant"
    assert surrogate.label == f"{role}:{name}"
    assert (surrogate.arm, surrogate.seed, surrogate.run_keys) == ("sft", 4, ("k",))
    assert surrogate.capability is None
    assert surrogate.update.keys() == arm.update.keys()


@pytest.mark.parametrize("name", ALL)
def test_a_seed_repeats_and_the_order_of_names_plays_no_part(name, arm):
    first, again = apply(name, arm, seeded()), apply(name, arm, seeded())
    turned = Change(dict(reversed(arm.base.items())), dict(reversed(arm.update.items())))
    for matrix in arm.base:
        assert torch.equal(first.update[matrix], again.update[matrix])
        assert torch.equal(first.update[matrix], apply(name, turned, seeded()).update[matrix])


@pytest.mark.parametrize("name", [name for name in ALL if name != "weight_decay"])
def test_another_seed_is_another_draw(name, arm):
    assert not torch.equal(apply(name, arm, seeded(0)).update["v"], apply(name, arm, seeded(1)).update["v"])


@pytest.mark.parametrize("name", ALL)
def test_nothing_of_the_direction_survives(name, arm):
    """Limit: the cosine to the arm has spread 1 / sqrt(mn) or, in a k-block, that of the block; five of the widest,
    k = 4 of 32: the block is 16 of 1024 directions and meets a random update at sqrt(1 / 1024)."""
    surrogate = apply(name, arm, seeded())
    for matrix, d in arm.update.items():
        cosine = (surrogate.update[matrix] * d).sum() / (surrogate.update[matrix].norm() * d.norm())
        assert abs(cosine.item()) < 5 / 32


@pytest.mark.parametrize("name", EXACT)
def test_a_surrogate_can_be_matched_like_its_arm(name, arm):
    other = arm.scaled(0.3)
    matched = apply(name, arm, seeded()).matched(other)
    assert matched.match["step"] == arm.matched(other).match["step"]
    assert dict(matched.norm()) == pytest.approx(dict(other.norm()), rel=1e-12)


def test_unknown_names_and_arguments_are_refused(arm):
    with pytest.raises(SpecError, match="unknown null or plant 'isotropc': did you mean 'isotropic'?"):
        apply("isotropc", arm, seeded())
    with pytest.raises(SpecError, match="unknown null or plant 'x': use one of isotropic, gated_isotropic"):
        apply("x", arm, seeded())
    with pytest.raises(SpecError, match="principal_block takes k, fraction, not rank"):
        apply("principal_block", arm, seeded(), rank=3)
    with pytest.raises(SpecError, match="isotropic takes no arguments, not k"):
        apply("isotropic", arm, seeded(), k=3)


def test_a_surrogate_without_a_direction_is_refused():
    change = Change.from_weights({"w": torch.zeros(2, 2)}, {"w": torch.ones(2, 2)})
    for name in ("weight_decay", "scaled_spectrum", "tilt"):
        with pytest.raises(MeasureError, match=f"{name} has no direction in w: "):
            apply(name, change, seeded())

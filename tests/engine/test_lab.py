"""Generators, synthetic arms and controls: addressed by what they are for, independent of order."""

import harness as h
import torch
from pytest import fixture, raises

from harness.claims import registry
from harness.engine.lab import Lab, generator
from harness.errors import SpecError


@fixture
def lab(tmp_path):
    """A laboratory at a custom scale: a folder with one decoder layer of two matrices."""
    from safetensors.torch import save_file

    draw = torch.Generator().manual_seed(0)
    weights = {f"model.layers.0.mlp.{name}_proj.weight": torch.randn(24, 16, generator=draw) for name in ("up", "gate")}
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    return Lab("custom:mine", model=str(tmp_path))


@fixture
def claim():
    known = dict(registry._claims), dict(registry._papers)

    def declare(body, **more):
        given = dict(says="it holds", source="nowhere", bound=h.above(0), no_plant="a test") | more
        return h.Paper("labs", arxiv="", title="Labs").claim("one", **given)(body).__claim__

    yield declare
    registry._claims, registry._papers = known


def test_a_generator_belongs_to_its_purpose_and_seed():
    assert generator("a", 0).initial_seed() == generator("a", 0).initial_seed()
    assert len({generator(purpose, seed).initial_seed() for purpose in "ab" for seed in (0, 1)}) == 4


def test_synthetic_arms_repeat_for_a_seed_and_differ_between_seeds(lab):
    again = Lab("custom:mine", model=lab.model_name)
    for seed in (0, 1):
        for name, d in lab.change("noise", seed).update.items():
            assert torch.equal(d, again.change("noise", seed).update[name])
    first, second = lab.change("noise", 0), lab.change("noise", 1)
    assert not any(torch.equal(first.update[name], second.update[name]) for name in first.update)


def test_a_control_replaces_the_arm_it_is_put_on_at_equal_norm(lab, claim):
    def body(noise, decay, rng): ...

    one = claim(body, null=h.null("isotropic", on="decay"))
    plain = lab.arguments(one, 0, None, purpose="p")
    nulled = lab.arguments(one, 0, one.nulls[0], purpose="p")
    assert nulled["noise"] is plain["noise"]
    for name, d in plain["decay"].update.items():
        replaced = nulled["decay"].update[name]
        assert not torch.allclose(replaced, d)
        torch.testing.assert_close(replaced.norm(), d.norm())


def test_a_control_on_all_arms_replaces_them_independently(lab, claim):
    def body(noise, decay): ...

    one = claim(body, null=h.null("isotropic", on="*"))
    given = lab.arguments(one, 0, one.nulls[0], purpose="p")
    a, b = (next(iter(given[name].update.values())) for name in ("noise", "decay"))
    cosine = (a * b).sum() / (a.norm() * b.norm())
    assert abs(cosine) < 5 / a.numel() ** 0.5  # five standard errors of independent directions


def test_a_surrogate_without_an_arm_to_stand_in_for_is_refused(lab, claim):
    def body(base): ...

    one = claim(body, null="isotropic")
    with raises(SpecError, match=r"use variant\(\.\.\.\)"):
        lab.arguments(one, 0, one.nulls[0], purpose="p")

"""What claims on tuners measure: leaks, classes, starts, and that a draw decides all of it."""

import pytest
import torch
from suites.peft_reach import bench
from suites.peft_reach.matched import first_length, matching_rate, shifts_at_one_norm


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(31)


def test_a_draw_decides_and_the_next_differs(rng):
    state = rng.get_state()
    first = bench.seed_of(rng)
    assert bench.seed_of(rng) != first and bench.seed_of(rng.set_state(state)) == first


def test_residuals_are_by_tuner_on_one_draw(rng):
    state = rng.get_state()
    both = bench.residuals(rng, "oft lora")
    assert list(both) == ["oft", "lora"] and both["oft"] < 1e-5 < both["lora"]
    assert bench.residuals(rng.set_state(state), "lora")["lora"] == both["lora"]


def test_a_projection_leaks_under_adam_alone(rng):
    assert bench.leak(rng, "sgd") < 1e-9 < 1e-3 < bench.leak(rng, "adamw")


def test_a_class_is_read_on_another_tuner(rng):
    """Limit: LoRA in its own class, and in that of a rotation."""
    assert bench.class_number(rng, "lora", "lora") < 1e-10
    assert bench.class_number(rng, "oft", "lora") > 0.1


def test_starts(rng):
    found = bench.off_starts(rng, "lora lora_init_false")
    assert found["lora"] == 0.0 and found["lora_init_false"] > 0.01


def test_a_rate_is_found_that_matches_a_first_step():
    target = first_length("pissa", 5, "sgd", 1.0)
    rate = matching_rate("milora", 5, "sgd", 1.0, target)
    assert rate > 3.0 and first_length("milora", 5, "sgd", rate) == pytest.approx(target, rel=0.01)


def test_shifts_are_at_one_norm():
    """Truth: LoRA's own shift is not rescaled; another's is that of its update at LoRA's norm."""
    import harness as h
    from harness.engine.reach import measure

    found = shifts_at_one_norm(5, ("lora", "pissa"), 5e-4)
    lora, pissa = (measure(tuner, 5, rate=5e-4) for tuner in ("lora", "pissa"))
    plain = [each.nss for each in lora.each()]
    assert found["lora"] == pytest.approx(sum(plain) / len(plain), rel=1e-6)
    scaled = []
    for name, base in pissa.base.items():
        d, to = (each.merged[name].double() - base.double() for each in (pissa, lora))
        change = h.Change.from_weights({"w": base}, {"w": base.double() + d * to.norm() / d.norm()})
        scaled.append(h.normalized_spectral_shift(change)["w"])
    assert found["pissa"] == pytest.approx(sum(scaled) / len(scaled), rel=1e-6)

"""Noise where gradients are taken and nowhere else, by the adapter's own seed."""

import pytest
import torch

NOISY = ("monteclora", "pvera")


def stepped(adapted, one_step, ids, steps=2):
    optimizer = torch.optim.SGD(adapted.trainable().values(), lr=0.5)
    return [one_step(adapted, optimizer, number, ids) for number in range(1, steps + 1)]


@pytest.mark.parametrize("tuner", NOISY)
def test_gradients_see_noise_and_answers_do_not(tuner, put_on, one_step, ids):
    adapted = put_on(tuner)
    stepped(adapted, one_step, ids)  # B is away from zero
    loud = [adapted.model(ids).logits.detach() for _ in range(2)]
    with torch.no_grad():
        quiet = [adapted.model(ids).logits for _ in range(2)]
    assert torch.equal(*quiet) and not torch.equal(*loud)


@pytest.mark.parametrize("tuner", (*NOISY, "velora"))
def test_a_seed_repeats_and_the_global_generator_is_left_alone(tuner, put_on, one_step, ids):
    before = torch.get_rng_state()
    first, second = (stepped(put_on(tuner), one_step, ids) for _ in range(2))
    assert first == second and torch.equal(torch.get_rng_state(), before)


def test_another_seed_gives_other_noise(put_on, one_step, ids):
    first, second = (put_on("pvera", seed=seed) for seed in (0, 1))
    second.load(first.trainable() | first.fixed())
    assert stepped(first, one_step, ids, 3) != stepped(second, one_step, ids, 3)

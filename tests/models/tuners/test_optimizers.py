"""LoRA+, LoRA-FA and the Riemannian preconditioner: what they step and how far, after their formulas."""

import pytest
import torch
from harness.errors import ModelError
from harness.models.tuners.optimizers import RATIO, build

LR = 1e-3


def moved(adapted, before):
    """|change| / lr of every trained tensor, by whether it is an A or a B."""
    found = {"A": [], "B": []}
    for name, p in adapted.model.named_parameters():
        if "lora_" in name:
            found["A" if "lora_A" in name else "B"].append((p.detach() - before[name]).abs().max().item() / LR)
    return found


@pytest.fixture
def stepped(put_on, one_step, ids, tensors_of):
    """stepped(tuner, optimizer, steps) gives what moved and what was put on."""

    def go(tuner, optimizer, steps=2, **given):
        adapted = put_on(tuner, optimizer=optimizer)
        before = tensors_of(adapted)
        made = build(adapted, LR, **given)
        for number in range(1, steps + 1):
            one_step(adapted, made, number, ids)
        return moved(adapted, before), adapted, made

    return go


def test_loraplus_steps_b_sixteen_times_as_far(stepped):
    found, *_ = stepped("lora", "loraplus", steps=1)
    assert max(found["B"]) == pytest.approx(RATIO, rel=1e-3)  # Adam's first step is the rate
    assert max(found["A"]) < 1.001  # and A has no gradient yet


def test_loraplus_takes_the_recipes_adam(stepped):
    made = stepped("dora", "loraplus", weight_decay=0.1, betas=(0.8, 0.9))[2]
    assert {group["betas"] for group in made.param_groups} == {(0.8, 0.9)}
    assert made.param_groups[0]["weight_decay"] == 0.1
    assert sorted({group["lr"] for group in made.param_groups}) == pytest.approx([1e-6, LR, RATIO * LR])


def test_lorafa_leaves_a_alone(stepped):
    found, adapted, made = stepped("lora", "lorafa", betas=(0.5, 0.5), eps=1e-4)
    assert max(found["A"]) == 0 and min(found["B"]) > 0
    assert all("lora_B" in name for name in adapted.trainable()) and any("lora_A" in name for name in adapted.fixed())
    assert made.param_groups[0]["betas"] == (0.5, 0.5) and made.param_groups[0]["eps"] == 1e-4


def test_riemannian_gradients_are_preconditioned(put_on, ids):
    adapted = put_on("lora_orthogonal", optimizer="riemannian")  # both factors start away from zero
    made = build(adapted, LR)
    adapted.model(ids, labels=ids).loss.backward()
    trained = adapted.trainable()
    name = next(n for n in trained if "lora_A" in n)
    a, b = trained[name], trained[name.replace("lora_A", "lora_B")]
    damped = torch.eye(8) * 1e-2
    of_a = torch.linalg.solve(b.detach().T @ b.detach() + damped, a.grad)
    of_b = torch.linalg.solve(a.detach() @ a.detach().T + damped, b.grad.T).T
    made.step()
    for found, expected in ((a.grad, of_a), (b.grad, of_b)):
        assert (found - expected).norm() < 1e-4 * expected.norm()


@pytest.mark.parametrize(
    ("tuner", "optimizer", "says"),
    [
        ("dora", "lorafa", "LoRA-FA steps B against a frozen A and nothing else; dora trains .*lora_magnitude"),
        ("lora_frozen_b", "lorafa", "LoRA-FA .*lora_frozen_b trains no B"),
        ("lora_frozen_a", "riemannian", "needs A and B both trained; lora_frozen_a freezes one"),
        ("lora", None, "The adaptation names no optimizer of its own"),
    ],
)
def test_optimizers_that_do_not_fit_are_refused(tuner, optimizer, says, put_on):
    with pytest.raises(ModelError, match=says):
        build(put_on(tuner, optimizer=optimizer), LR)

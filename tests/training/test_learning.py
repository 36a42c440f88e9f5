"""Do the loops learn? On a task small enough that a second shows it."""

import dataclasses

import pytest
from harness.models import tiny
from harness.tasks import registry
from harness.tasks.base import Problem, Task
from harness.training import rlvr, sft
from harness.training.loop import run_loop
from harness.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class Echo(Task):
    """Repeat the digit: "7=" -> "7"; the answer is over after one token, so chance is about 1 in 64."""

    name = "echo"
    pattern = r"(\d)"

    @property
    def max_new_tokens(self) -> int:
        return 1

    def space(self):
        for digit in "0123456789":
            for other in "abcdefgh":
                yield Problem(f"{other}{digit}=", digit, digit + other)

    def demonstration(self, problem: Problem) -> str:
        return problem.answer


@pytest.fixture
def echo(monkeypatch):
    monkeypatch.setitem(registry.TASKS, "echo", Echo())


def learn(make, recipe):
    model, tokenizer = tiny.build(0)
    name = {"arm": recipe.arm, "scale": "tiny", "seed": 0}
    return run_loop(model, recipe, make(model, tokenizer, recipe, 0), name=name, snapshot=lambda step: None)


def mean(rows: list[dict], column: str) -> float:
    return sum(row[column] for row in rows) / len(rows)


def test_sft_lowers_its_loss(echo):
    log = learn(sft.objective, Recipe(arm="sft", task="echo", steps=60, batch=32, lr=3e-3))
    assert log[0]["loss"] == pytest.approx(4.16, abs=0.1)  # log 64: nothing is known
    assert mean(log[-10:], "loss") < 1.0


@pytest.mark.parametrize("loss", ["grpo", "dr_grpo", "dapo"], ids="loss={}".format)
def test_rl_raises_its_reward_and_leaves_the_base(echo, loss):
    """From a blank model: sampling finds digits by luck (1 in 64), the reward does the rest."""
    log = learn(rlvr.objective, Recipe(arm="rlvr", task="echo", steps=60, batch=256, lr=3e-3, loss=loss, group=16))
    assert mean(log[:3], "reward") < 0.05
    assert mean(log[-10:], "reward") > 0.09
    assert log[0]["kl"] == 0.0 and log[-1]["kl"] > 0.1


def test_a_kl_weight_holds_the_model_near_its_base(echo):
    recipe = Recipe(arm="rlvr", task="echo", steps=40, batch=256, lr=3e-3, loss="grpo", group=16)
    free, held = learn(rlvr.objective, recipe), learn(rlvr.objective, dataclasses.replace(recipe, kl=1.0))
    assert mean(held[-10:], "kl") < 0.5 * mean(free[-10:], "kl")

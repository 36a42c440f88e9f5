"""One GRPO step of ours against trl's GRPOTrainer."""

import harness as h
import pytest
from suites.benchmarks.paper import ITSELF, NO_PLANT, PAPER, TRAINING

# trl and what it imports warn about their own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")


@PAPER.claim(
    "grpo-step-half",
    says="One GRPO step takes at most half the time of trl's GRPOTrainer, at tiny scale",
    source="step 2, benchmarks: same model, batch and loss; the goal is at most half its time at tiny scale",
    metric="time of a step, ours over trl's",
    bound=h.below(0.5, on="log"),
    null=ITSELF,
    no_plant=NO_PLANT,
    expect={"tiny": "supported"},
    family=TRAINING,
    version=3,
    why="3: supported again since the pass that samples is the pass that learns and prompts are read once (.38). 2: version 1 was "
    "registered as supported, the goal; trials gave .73-.77 and the goal was missed",
)
def test_grpo_step_half(race, pretrain, contender="ours"):
    """Ours also runs the base at every step, to log KL(pi | base); trl at beta 0 does not."""
    return tiny_race(race, pretrain.seed, contender)


@PAPER.claim(
    "grpo-step-faster",
    says="One GRPO step takes at most nine tenths of the time of trl's GRPOTrainer, at tiny scale",
    source="what is left of the goal of one half; guards against getting slower",
    metric="time of a step, ours over trl's",
    bound=h.below(0.9, on="log"),
    null=ITSELF,
    no_plant=NO_PLANT,
    expect={"tiny": "supported"},
    family=TRAINING,
)
def test_grpo_step_faster(race, pretrain, contender="ours"):
    return tiny_race(race, pretrain.seed, contender)


def tiny_race(race, seed, contender):
    """The base and the batch of the arm rlvr: 16 problems answered 8 times."""
    from suites.benchmarks.grpo_step import our_step, recipe, tiny_base, trl_step

    given = recipe("addition", batch=128, group=8, steps=12, high=49)
    own, their = (tiny_base(seed) for _ in range(2))
    return race(
        contender,
        ours=our_step(own.model, own.tokenizer, given, seed),
        reference=trl_step(their.model, their.tokenizer, given, seed),
        agree=None,
    )


@PAPER.claim(
    "grpo-step-of-a-real-model",
    says="One GRPO step of SmolLM2 on few-shot addition is no slower than trl's, within a tenth",
    source="step 2, benchmarks: same model, batch and loss; no slower at small",
    metric="time of a step, ours over trl's",
    bound=h.below(1.1, on="log"),
    no_null="the reference against itself is no slower than itself either: the sentence claims no difference",
    no_plant=NO_PLANT,
    expect={"small": "supported"},
    needs=("real-weights",),
    family=TRAINING,
    nightly=True,
    version=3,
    why="3: run now, .25 of trl's time. 2: version 1 was registered as supported; one trial of four completions gave 1.22, so nothing "
    "was expected until it was run",
)
def test_grpo_step_of_a_real_model(race, rng, small, contender="ours"):
    """4 problems answered 4 times: the models do nearly all of the work, and ours runs the base too, to log KL(pi | base)."""
    from suites.benchmarks.grpo_step import our_step, recipe, trl_step

    seed = rng.initial_seed() % 2**31
    given = recipe("fewshot_addition", batch=16, group=4, steps=4)
    loaded = small.load()
    return race(
        contender,
        ours=our_step(loaded.model, loaded.tokenizer, given, seed),
        reference=trl_step(loaded.model, loaded.tokenizer, given, seed),
        agree=None,
    )

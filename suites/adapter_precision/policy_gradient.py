"""A tuner on a policy, one batch of its answers, and the preflight on GRPO's loss of them; sound, or broken in a known way."""

import copy
from typing import TYPE_CHECKING

from harness.errors import SpecError

if TYPE_CHECKING:
    from harness.models.tuners import Adapted
    from harness.models.tuners.preflight import Preflight
    from harness.training.policy import Policy
    from torch import Generator

GROUP = 4


def broken() -> dict[str, str]:
    """Ways to break an adapter without an error, and what the preflight's reason for each must hold."""
    return {
        "zeros": "start at zero",
        "merged": "merged into its base",
        "disabled": "is disabled",
        "frozen": "requires_grad is off",
        "equal rewards": "no group of rewards has a variance",
    }


def look(base: "Policy", tuner: str, rng: "Generator", way: str = "sound", problems: int = 8) -> "Preflight":
    """Answers are sampled, rewarded at random so that there is something to learn, and the preflight looks at the first step.

    Args:
        base: left as it is.
        tuner: name of the tuner, rank 8.
        rng: draws answers and rewards.
        way: "sound" or one of `broken`.
        problems: how many are asked, each GROUP times.

    Raises:
        SpecError: an unknown way.
    """
    import torch
    from harness.models.adapters import Adaptation
    from harness.models.tuners import adapt
    from harness.models.tuners.preflight import preflight
    from harness.training import data, grpo
    from harness.training.sampler import completion_logps, sample

    if way != "sound" and way not in broken():
        raise SpecError(f"unknown way {way!r} to break an adapter: use one of {', '.join(broken())}.")
    model = copy.deepcopy(base.model)
    prompts = data.encode_prompts(base.tokenizer, base.task, base.problems(problems, rng.initial_seed() % 2**31))
    limits = dict(
        max_new_tokens=base.task.max_new_tokens, end=data.end_token(base.tokenizer, base.task), pad=base.tokenizer.pad_token_id
    )
    with torch.no_grad():
        rollout = sample(model, prompts, temperature=base.temperature, generator=rng, group=GROUP, **limits)
    rewards = torch.ones(problems, GROUP)
    if way != "equal rewards":
        rewards[:, 0] = 0
    advantages = grpo.group_advantages(rewards.flatten(), GROUP, normalise=True)
    adapted = adapt(model, Adaptation(tuner), 0, None)
    _break(adapted, way)

    def loss() -> torch.Tensor:
        logp = completion_logps(model, rollout, temperature=base.temperature, group=GROUP)
        return grpo.policy_loss(logp, advantages, rollout.mask, kind="grpo", clip_low=0.2, clip_high=0.2)

    return preflight(adapted, loss, rewards)


def _break(adapted: "Adapted", way: str) -> None:
    import torch

    if way == "merged":
        adapted.wrapper.merge_adapter()
    elif way == "disabled":
        adapted.wrapper.base_model.disable_adapter_layers()
    for _, layer in adapted.layers() if way in ("zeros", "frozen") else ():
        if way == "zeros":
            torch.nn.init.zeros_(layer.lora_A["default"].weight)
        else:
            layer.lora_B["default"].weight.requires_grad_(False)

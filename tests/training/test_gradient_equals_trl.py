"""Claim T1: on one batch, the gradient of each policy loss equals trl's.

trl generates the completions and takes a step; its inputs and weights are captured in `_compute_loss`, its gradient before
the optimizer. A gradient of another loss on the same batch is the control: it must differ.
"""

import pytest
import torch
from harness.models import tiny
from harness.tasks import registry
from harness.training import grpo
from harness.training.sampler import Rollout, completion_logps

# trl and what it imports warn about their own deprecations; nothing of ours runs under this filter but the comparison.
pytestmark = pytest.mark.filterwarnings("ignore")
LOSSES = ("grpo", "dr_grpo", "dapo")
NEW = 4


def captured(kind: str, folder) -> tuple[dict, dict, dict]:
    """(inputs, weights before the step, gradients) of one GRPO step of trl on the tiny model."""
    from datasets import Dataset
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    inputs, weights, gradients = {}, {}, {}

    class Tapped(GRPOTrainer):
        def _compute_loss(self, model, given):
            inputs.update({k: v.clone() for k, v in given.items() if torch.is_tensor(v)})
            weights.update({name: p.detach().clone() for name, p in model.named_parameters()})
            return super()._compute_loss(model, given)

    class Probe(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **_):
            gradients.update({name: p.grad.clone() for name, p in model.named_parameters()})

    config = GRPOConfig(
        output_dir=str(folder), max_steps=1, learning_rate=1e-3, seed=0, use_cpu=True, bf16=False,
        gradient_checkpointing=False, dataloader_pin_memory=False, report_to="none", save_strategy="no", disable_tqdm=True,
        per_device_train_batch_size=32, num_generations=8, max_completion_length=NEW, beta=0.0, temperature=1.0,
        loss_type=kind, scale_rewards="none", num_iterations=1, max_grad_norm=0.0,
    )  # fmt: skip
    problems = next_problems()
    trainer = Tapped(
        model=tiny.build(0).model,
        args=config,
        # Any reward that varies inside a group of a model that knows nothing.
        reward_funcs=[lambda prompts, completions, **_: [float(len(text.rstrip("0123456789"))) for text in completions]],
        train_dataset=Dataset.from_list([{"prompt": problem.prompt} for problem in problems]),
        processing_class=tiny.build(0).tokenizer,
        callbacks=[Probe()],
    )
    trainer.train()
    return inputs, weights, gradients


def next_problems():
    import random

    return registry.get("addition", high=49).problems(32, random.Random(0))


def own_gradient(kind: str, inputs: dict, weights: dict) -> torch.Tensor:
    model = tiny.build(0).model
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    rollout = Rollout(ids, inputs["prompt_ids"].shape[1], inputs["completion_mask"].float())
    logp = completion_logps(model, rollout)
    # Completions that all end early are shorter than what dr_grpo divides by: pad to the longest allowed.
    short = NEW - logp.shape[1]
    logp, mask = (torch.nn.functional.pad(each, (0, short)) for each in (logp, rollout.mask))
    loss = grpo.policy_loss(logp, inputs["advantages"], mask, kind=kind, clip_low=0.2, clip_high=0.2)
    loss.backward()
    return flat({name: p.grad for name, p in model.named_parameters()})


def flat(gradients: dict) -> torch.Tensor:
    return torch.cat([gradients[name].flatten().double() for name in sorted(gradients)])


@pytest.mark.parametrize("kind", LOSSES, ids="loss={}".format)
def test_the_gradient_equals_that_of_trl(kind, tmp_path):
    inputs, weights, gradients = captured(kind, tmp_path)
    theirs = flat(gradients)
    assert len(inputs["completion_mask"].sum(1).unique()) > 1  # of one length, the losses would differ by a factor only
    difference = {each: ((own_gradient(each, inputs, weights) - theirs).norm() / theirs.norm()).item() for each in LOSSES}
    assert difference[kind] < 1e-5
    assert all(difference[each] > 1e-3 for each in LOSSES if each != kind)

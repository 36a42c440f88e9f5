"""Hugging Face's Trainer resumes a run of ours from its own checkpoint, which it reads with weights_only.

Its galore_adamw and apollo_adamw raise UnpicklingError here (transformers 5.23), and their layer-wise modes lose their state.
"""

import pytest
import torch
from harness.optimizers import SubspaceOptimizer, preset

# transformers and what it imports warn about their own deprecations.
pytestmark = pytest.mark.filterwarnings("ignore")


def trained(folder, steps, resume=None):
    """Weights and optimizer after so many steps."""
    from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2,
                    num_key_value_heads=2, max_position_embeddings=16)
    )  # fmt: skip
    ids = torch.randint(32, (32, 8), generator=torch.Generator().manual_seed(0))
    matrices = [p for name, p in model.named_parameters() if "proj" in name]
    others = [p for name, p in model.named_parameters() if "proj" not in name]
    optimizer = SubspaceOptimizer([{"params": matrices, **preset("galore", rank=4, refresh=3)}, {"params": others, "lr": 1e-3}])
    arguments = TrainingArguments(
        output_dir=str(folder), max_steps=steps, save_steps=2, per_device_train_batch_size=4, use_cpu=True, report_to="none",
        lr_scheduler_type="constant", disable_tqdm=True, dataloader_pin_memory=False, seed=0,
    )  # fmt: skip
    data = [{"input_ids": row, "labels": row} for row in ids]
    trainer = Trainer(model=model, args=arguments, train_dataset=data, optimizers=(optimizer, None))
    trainer.train(resume_from_checkpoint=resume)
    return [p.detach().clone() for p in model.parameters()], optimizer


def test_a_run_resumed_by_the_trainer_is_the_run_that_did_not_stop(tmp_path):
    whole, _ = trained(tmp_path / "whole", 5)
    trained(tmp_path / "part", 2)
    again, optimizer = trained(tmp_path / "part", 5, str(tmp_path / "part" / "checkpoint-2"))
    assert all(torch.equal(a, b) for a, b in zip(whole, again, strict=True))
    assert {int(state["step"]) for state in optimizer.state.values()} == {5}

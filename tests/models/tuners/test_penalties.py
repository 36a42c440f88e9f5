"""What is added to the loss is what peft would add; and AdaLoRA's ranks are cut on its schedule."""

import pytest
import torch
from harness.models.adapters import TUNERS


def test_adaloras_term_is_what_pefts_own_forward_adds(put_on, ids):
    adapted = put_on("adalora")
    with torch.no_grad():
        plain, whole = adapted.model(ids, labels=ids).loss, adapted.wrapper.base_model(input_ids=ids, labels=ids).loss
        torch.testing.assert_close(adapted.penalised(plain), whole)
    assert adapted.penalty() > 0.5


def test_kasas_term_is_zero_on_orthonormal_factors_without_values(put_on):
    adapted = put_on("kasa")
    assert adapted.penalty() > 0
    with torch.no_grad():
        for name, p in adapted.trainable().items():
            (torch.nn.init.zeros_ if "diag" in name else torch.nn.init.orthogonal_)(p)
    assert adapted.penalty().item() == pytest.approx(0, abs=1e-5)


def test_montecloras_term_has_a_gradient_once_noise_was_drawn(put_on, ids):
    adapted = put_on("monteclora")
    assert adapted.penalty() is None
    adapted.model(ids)
    adapted.penalty().backward()
    assert all(p.grad is not None for name, p in adapted.trainable().items() if "prior" in name)


@pytest.mark.parametrize("tuner", ["lora", "oft"])
def test_others_add_nothing(tuner, put_on):
    adapted, loss = put_on(tuner), torch.ones(())
    assert TUNERS[tuner].penalty is None and adapted.penalty() is None and adapted.penalised(loss) is loss


def test_adaloras_ranks_fall_to_the_target(put_on, one_step, ids):
    """Initial rank 1.5 r of 14 matrices; after total_step - tfinal steps r of them are left on average."""
    adapted = put_on("adalora", rank=4, settings=(("total_step", 8), ("tinit", 1), ("tfinal", 2), ("deltaT", 1)))
    optimizer = torch.optim.AdamW(adapted.trainable().values(), lr=1e-2, weight_decay=0.0)
    for number in range(1, 9):
        one_step(adapted, optimizer, number, ids)
    ranks = [int((p != 0).sum()) for name, p in adapted.trainable().items() if "lora_E" in name]
    assert sum(ranks) == 14 * 4 and max(ranks) <= 6

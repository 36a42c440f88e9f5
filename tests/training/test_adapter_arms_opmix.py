import pytest
import torch
from harness.models import tiny
from harness.training import adapter_arms_opmix as opmix
from harness.training import pretrain, recipes, sft
from harness.training.data import encode_demonstrations, stream

SFT = recipes.get("sft", "tiny")


@pytest.mark.parametrize("quarters", opmix.MIXTURES, ids=str)
def test_a_mixture_has_its_shares_and_no_empty_part(quarters):
    recipe = opmix.mixture(SFT, quarters, 1e-3)
    assert {part.task: part.share for part in recipe.mix} == {
        task: share / 4 for task, share in zip(opmix.DOMAINS, quarters, strict=True) if share
    }  # fmt: skip
    assert recipe.task in recipe.tasks() and recipe.base == "pretrain_three"
    assert all(round(part.share * recipe.batch) == part.share * recipe.batch for part in recipe.mix)


def test_mixtures_share_neither_data_nor_start_with_the_domains():
    domain, mixed = opmix.domain(SFT, "sorting", 1e-3), opmix.mixture(SFT, (0, 4, 0), 1e-3)
    assert (domain.data_seed_offset, mixed.data_seed_offset) == (0, 1)
    assert domain.adapter.seed is None and mixed.adapter.seed == opmix.MIXED_SEED
    assert len({opmix.MIXED_SEED, *opmix.APART_SEEDS}) == 4


def test_the_loss_of_a_mixture_is_the_weighted_sum_over_its_domains_answers():
    """Truth: sum w_i of sft's own loss on as many problems of the same stream."""
    found = tiny.build(0)
    recipe = opmix.mixture(SFT, (1, 0, 3), 1e-3)
    loss = pretrain.objective(found.model, found.tokenizer, recipe, 0)(1).loss
    wanted = 0.0
    for part in recipe.mix:
        task = recipe.tasks()[part.task]
        problems = next(stream(task, 0, 1, round(part.share * recipe.batch)))
        examples = encode_demonstrations(found.tokenizer, task, problems, answer_only=True)
        wanted += part.share * pretrain.cross_entropy(found.model, examples)
    torch.testing.assert_close(loss, wanted)


def test_a_corner_is_supervised_learning_of_its_domain():
    """Limit: one domain alone, on the same stream, is sft bit for bit."""
    from dataclasses import replace

    found = tiny.build(0)
    corner = opmix.mixture(SFT, (0, 4, 0), 1e-3)
    alone = replace(opmix.domain(SFT, "sorting", 1e-3), data_seed_offset=1)
    losses = [
        make.objective(found.model, found.tokenizer, recipe, 0)(1).loss for make, recipe in ((pretrain, corner), (sft, alone))
    ]
    assert torch.equal(*losses)


def test_the_arms_of_a_mixture_are_trained_on_it():
    """The loop picks the loss of a mixture by its parts, of a domain by its task."""
    from harness.training.train import _objective

    assert _objective(opmix.mixture(SFT, (1, 1, 2), 1e-3)) is pretrain.objective
    assert _objective(opmix.domain(SFT, "sorting", 1e-3)) is sft.objective

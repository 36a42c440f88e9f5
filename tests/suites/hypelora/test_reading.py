"""A model read as a classifier: against every answer written out, and temperatures that were put in."""

import harness.calibration as calibration
import pytest
import torch
from harness.models import tiny
from harness.tasks import registry
from harness.training import data
from harness.training.labels import answers
from harness.training.policy import Policy
from suites.hypelora import reading


@pytest.fixture
def policy():
    """A model that is sure of something: the head's rows grown."""
    model, tokenizer = tiny.build(0)
    with torch.no_grad():
        model.lm_head.weight.mul_(20)
    return Policy(model, tokenizer, registry.get("addition", high=9))


def test_beginnings_that_tell_answers_apart_are_read_and_others_are_not():
    assert reading.undecided([(1, 9), (1, 2, 9), (3, 9)]) == {(): [0, 1, 2], (1,): [0, 1]}
    assert reading.undecided([(4, 9)]) == {}


def test_probabilities_are_those_of_answers_written_out(policy):
    """Truth: each answer after each prompt in one pass; characters after which one answer is left count as sure."""
    problems = list(policy.task.space())[:7]
    codes = [policy.tokenizer.encode(each + ".", add_special_tokens=False) for each in answers(policy.task)]
    undecided = reading.undecided([tuple(code) for code in codes])
    prompts = data.encode_prompts(policy.tokenizer, policy.task, problems)
    expected = torch.zeros(len(problems), len(codes), dtype=torch.float64)
    for i, prompt in enumerate(prompts):
        for k, code in enumerate(codes):
            logp = policy.model(torch.cat([prompt, torch.tensor(code)])[None]).logits[0].detach().double().log_softmax(-1)
            read = [j for j in range(len(code)) if tuple(code[:j]) in undecided]
            expected[i, k] = sum(logp[len(prompt) - 1 + j, code[j]] for j in read)
    found = reading.log_probabilities(policy, problems)
    assert torch.allclose(found, expected.log_softmax(1), atol=1e-5)
    assert torch.allclose(found.exp().sum(1), torch.ones(7, dtype=torch.float64))
    assert found.max() - found.min() > 1.0  # nothing is uniform here


def test_classes_are_the_answers(policy):
    problems = list(policy.task.space())
    found = reading.classes(policy, problems)
    assert [answers(policy.task)[k] for k in found.tolist()] == [each.answer for each in problems]


@pytest.mark.parametrize("planted", [0.5, 1.0, 2.0], ids="temperature={}".format)
def test_the_temperature_that_made_the_labels_is_found(planted):
    """Labels drawn at a temperature: dividing by it calibrates."""
    generator = torch.Generator().manual_seed(3)
    log_p = (2.0 * torch.randn(20_000, 13, generator=generator, dtype=torch.float64)).log_softmax(1)
    labels = torch.multinomial(reading.at_temperature(log_p, planted), 1, generator=generator)[:, 0]
    assert reading.best_temperature(log_p, labels) == pytest.approx(planted, rel=0.06)
    assert calibration.expected_calibration_error(reading.at_temperature(log_p, planted), labels) < 0.02

"""`lm`: an arm as trained is its run's record, anything else is evaluated."""

import harness as h
import pytest
import torch
from harness.engine.lab import Lab
from harness.engine.language import LanguageRuns
from harness.engine.policies import Policies
from harness.errors import SpecError
from harness.training import cache, lm
from tests.training.conftest import cache_folder, few_steps  # noqa: F401


@pytest.fixture
def lab(cache_folder, few_steps, monkeypatch):  # noqa: F811
    """A laboratory with one run of GaLore, four steps long."""
    monkeypatch.setattr(lm, "EVALUATED", 8)
    cache.ensure(cache.Request("lm_galore", "tiny", 0))
    return Lab("tiny")


@pytest.fixture
def arm(lab):
    return lab.change("lm_galore", 0)


@pytest.fixture
def runs(lab, arm):
    return LanguageRuns(lab, 0, [arm])


def test_the_arm_as_trained_has_its_recorded_loss(lab, arm, runs, monkeypatch):
    monkeypatch.setattr(lm, "held_out", lambda *args: pytest.fail("evaluated again"))
    assert runs.loss(arm) == runs.run(arm).curve()[4].loss


def test_its_own_matrices_put_back_give_the_same_loss(arm, runs):
    """Truth: base and update give the trained weights back bit for bit."""
    assert runs.loss(arm.scaled(1.0)) == pytest.approx(runs.loss(arm), abs=1e-12)


def test_a_stand_in_is_evaluated(arm, runs):
    noise = h.isotropic(arm.scaled(30.0), torch.Generator().manual_seed(0))
    assert abs(runs.loss(noise) - runs.loss(arm)) > 1e-3


def test_the_base_of_the_matrices_is_not_the_arm(arm, runs):
    assert runs.loss(arm.scaled(0.0)) != pytest.approx(runs.loss(arm), abs=1e-6)


def test_only_arms_of_the_bench_have_a_language_model_and_they_have_no_policy(lab, arm, runs):
    made = h.Change(arm.base, arm.update, label="made up")
    with pytest.raises(SpecError, match="lm has no language model for made up: ask for one of an arm lm_"):
        runs.loss(made)
    with pytest.raises(SpecError, match="lm_galore, which predicts a text and answers nothing: ask for lm"):
        Policies(lab, 0, [arm]).of(arm)


def test_a_body_that_asks_for_lm_gets_it(lab):
    h.Paper("p", arxiv="", title="t").claim(
        "c", says="s", source="s", bound=h.below(9.0), no_null="-", no_plant="-", metric="m"
    )(body)
    given = lab.arguments(body.__claim__, 0, None, purpose="test")
    assert given["lm"].loss(given["lm_galore"]) == body(**given)


def body(lm_galore, lm):
    return lm.loss(lm_galore)


@pytest.fixture(autouse=True)
def _clean():
    import harness.claims as hc

    yield
    hc.clear()

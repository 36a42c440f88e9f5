"""Which seeds a claim is measured on: the session's, or as many as it may not do without."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

from harness.engine.settings import Settings

FIVE = Settings((), 5, 100, Path("results"), None, "cpu", False, False, "skip", 0)


def seeds(settings, fewest):
    return settings.replicates_of(SimpleNamespace(seeds=fewest))


def test_a_claim_is_measured_on_the_seeds_of_the_session():
    assert seeds(FIVE, None) == seeds(FIVE, 3) == FIVE.replicates == (100, 101, 102, 103, 104)


def test_a_claim_that_needs_more_gets_the_seeds_that_follow():
    assert seeds(FIVE, 10) == tuple(range(100, 110))


def test_checkpoints_of_a_user_are_as_many_as_there_are():
    assert seeds(replace(FIVE, own=SimpleNamespace()), 10) == FIVE.replicates


def test_evidence_gathers_over_sessions_but_an_exact_claim_is_asserted_on_all_its_seeds():
    evidence = replace(FIVE, judged="evidence", seed_base=10_000)
    statistical, exact = (SimpleNamespace(seeds=10, bound=SimpleNamespace(statistical=is_one)) for is_one in (True, False))
    assert evidence.replicates_of(statistical) == tuple(range(10_000, 10_005))
    assert evidence.replicates_of(exact) == tuple(range(10_000, 10_010))

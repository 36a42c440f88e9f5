"""A claim in one line, and a registry of its own for every test."""

import pytest

from harness.claims import Claim, registry
from harness.claims.controls import as_controls

PLAIN = {
    "paper": "some-paper",
    "paper_title": "Some Paper",
    "arxiv": "2511.08567",
    "id": "some-paper/a-claim",
    "says": "the number is small",
    "source": "Sec. 1",
    "metric": "a-claim",
    "within": "median",
    "arms": ("rlvr", "sft"),
    "expect": (("tiny", "open"),),
    "family": "main",
    "alpha": 0.05,
    "needs": (),
    "version": 1,
    "why": "",
    "seeds": None,
    "confirmatory": True,
    "nightly": False,
    "body_sha": "0" * 16,
}


def _make_claim(bound, *, null=None, plant=None, floor=None, **fields):
    nulls, plants, floors = as_controls(null, "null"), as_controls(plant, "plant"), as_controls(floor, "floor")
    controls = {
        "nulls": nulls,
        "plants": plants,
        "floor": floors[0] if floors else None,
        "no_null": "" if nulls else "none in this test",
        "no_plant": "" if plants else "none in this test",
    }
    return Claim(bound=bound, **{**PLAIN, **controls, **fields})


@pytest.fixture(scope="session")
def make_claim():
    """make_claim(bound, null=..., plant=..., floor=..., field=...) without a body."""
    return _make_claim


@pytest.fixture(autouse=True)
def own_registry(monkeypatch):
    monkeypatch.setattr(registry, "_claims", {})
    monkeypatch.setattr(registry, "_papers", {})

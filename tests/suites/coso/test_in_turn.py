import pytest
import torch
from harness.spectra import Change
from suites.coso.in_turn import along, both, forgotten, ideal, untaught


def run(graded, update=None, **capability):
    base = {"a": torch.zeros(4, 6), "b": torch.zeros(3, 6)}
    moved = {name: (update or {}).get(name, torch.ones_like(w)) for name, w in base.items()}
    return Change.from_weights(base, moved, capability=capability, graded=graded)


def test_what_lies_along_directions_is_a_ratio_of_norms():
    """Truth: all, none, and 3 : 5 of an update."""
    held = {"a": torch.eye(6)[:, :2], "b": torch.eye(6)[:, :1]}
    inside = torch.zeros(4, 6)
    inside[:, 1] = 2.0
    mixed = torch.zeros(3, 6)
    mixed[0, 0], mixed[0, 3] = 3.0, 4.0
    found = along(run("x", {"a": inside, "b": mixed}), held)
    assert dict(found) == pytest.approx({"a": 1.0, "b": 0.6})
    outside = torch.zeros(4, 6)
    outside[:, 5] = 1.0
    assert along(run("x", {"a": outside}), held)["a"] == 0.0


def test_accuracies_of_two_tasks():
    first, second = run("sorting", sorting=0.9, reversal=0.2), run("reversal", sorting=0.5, reversal=0.8)
    assert forgotten(first, second) == pytest.approx(0.4)
    assert both(first, second) == pytest.approx(0.65)
    assert ideal(first, second) == pytest.approx(0.85)
    assert untaught(first, second) == 0.2

"""Rank correlation over matrices, and the control that it lacks where matrices differ in shape.

    spearman    correlation of ranks; with groups, of ranks taken and centred inside each group
    dealt       values dealt anew among the members of each group

Rank counts of a 64 x 64 and of a 32 x 64 matrix differ by their shapes alone, so a pooled correlation over both can be made of
nothing but shape. Dealt within shape it keeps that part and loses every other; ranked within shape it never had it.
Trap: ranks inside small groups are coarse. With 4, 4, 4 and 2 matrices a group's own correlation says nothing; the sum over
groups spreads by .3 where there is nothing to find.
"""

from collections.abc import Mapping

import numpy as np


def spearman(x: Mapping[str, float], y: Mapping[str, float], groups: Mapping[str, object] | None = None) -> float:
    """Spearman's correlation over the names of x, in [-1, 1]; nan where either has no spread.

    Args:
        x, y: values by name, the same names.
        groups: name -> group; ranks are compared inside each. None: all are one group.
    """
    a, b = (_ranks({name: values[name] for name in x}, groups) for values in (x, y))
    size = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / size) if size > 0.0 else float("nan")


def dealt(values: Mapping[str, float], groups: Mapping[str, object], generator) -> dict[str, float]:
    """The values in a random order inside each group.

    Args:
        values: by name.
        groups: name -> group.
        generator: torch.Generator on the CPU; groups draw in the order of their first member by name.
    """
    import torch

    found = dict(values)
    for names in _members(values, groups):
        order = torch.randperm(len(names), generator=generator).tolist()
        found |= {name: values[names[i]] for name, i in zip(names, order, strict=True)}
    return found


def _ranks(values: Mapping[str, float], groups: Mapping[str, object] | None) -> np.ndarray:
    from scipy.stats import rankdata

    found = {}
    for names in _members(values, groups or dict.fromkeys(values)):
        ranks = rankdata([values[name] for name in names])
        found |= dict(zip(names, ranks - ranks.mean(), strict=True))
    return np.array([found[name] for name in values])


def _members(values: Mapping[str, float], groups: Mapping[str, object]) -> list[list[str]]:
    members: dict[object, list[str]] = {}
    for name in sorted(values):
        members.setdefault(groups[name], []).append(name)
    return list(members.values())

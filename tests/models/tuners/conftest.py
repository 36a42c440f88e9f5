"""A base whose matrices have power-law spectra, and every tuner of peft on a copy of it, three steps on; each is made once."""

import copy
from functools import cache
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

STEPS, RATE = 3, 5e-3


class Trained(NamedTuple):
    """A tuner before and after three steps: logits of base and start, what it is, what stood and stands in it, W0 and W1."""

    moved: float
    adapted: object
    start: dict[str, Tensor]
    kept: dict[str, Tensor]
    before: dict[str, Tensor]
    after: dict[str, Tensor] | None


@cache
def _base():
    from harness.models import power_law

    return power_law.build(0), power_law.tokens(1)


def _calibration():
    from harness.models.tuners import Calibration

    return Calibration(_base()[1], _base()[1])


def tensors(adapted):
    return {n: t.detach().clone() for n, t in (adapted.trainable() | adapted.fixed()).items()}


@pytest.fixture
def tensors_of():
    """Copies of all that an adapter has, trained and fixed, by name."""
    return tensors


@pytest.fixture
def one_step():
    """one_step(adapted, optimizer, number, ids) trains once and gives the loss."""
    return step


@pytest.fixture
def calibration():
    return _calibration


@pytest.fixture
def fresh():
    """fresh() is the base, anew."""
    return lambda: copy.deepcopy(_base()[0])


@pytest.fixture
def ids():
    return _base()[1]


@pytest.fixture
def put_on():
    """put_on(tuner, seed, **adaptation) puts it on a fresh base, calibrated where it needs that."""
    return _put_on


def _put_on(tuner, seed=0, *, rebuild=False, seed_of_start=None, **given):
    from harness.models.adapters import Adaptation
    from harness.models.tuners import adapt

    model = copy.deepcopy(_base()[0])
    return adapt(model, Adaptation(tuner, seed=seed_of_start, **given), seed, None if rebuild else _calibration, rebuild=rebuild)


def step(adapted, optimizer, number, ids):
    """One step of training; returns the loss."""
    optimizer.zero_grad()
    loss = adapted.penalised(adapted.model(ids, labels=ids).loss)
    loss.backward()
    optimizer.step()
    adapted.after_step(number)
    return loss.item()


@cache
def _trained(tuner):
    base, ids = _base()
    adapted = _put_on(tuner)
    with torch.no_grad():
        moved = (adapted.model(ids).logits - base(ids).logits).abs().max().item()
    start = tensors(adapted)
    fixed = {n: t.clone() for n, t in adapted.fixed().items()}  # as a run keeps it: at the start
    optimizer = torch.optim.AdamW(adapted.trainable().values(), lr=RATE, weight_decay=0.0)
    for number in range(1, STEPS + 1):
        step(adapted, optimizer, number, ids)
    kept = fixed | {n: p.detach().clone() for n, p in adapted.trainable().items()}
    before = {n: p.detach() for n, p in base.named_parameters()}
    return Trained(moved, adapted, start, kept, before, adapted.weights() if adapted.how.merges else None)


@pytest.fixture
def trained():
    """trained(tuner): put on with seed 0 and stepped three times; shared by all tests, so not to be changed."""
    return _trained

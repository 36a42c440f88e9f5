"""The reach bench: what a tuner can make of a model's matrices, measured on one whose spectra are known.

    a Llama of power-law spectra (harness.models.power_law) + the tuner on all seven projections, r 8, alpha 16
    -> 25 AdamW steps on 8 x 24 random tokens, or one SGD step, no weight decay -> merged matrices read against the base

Source: the sheet peft_merge, 1.2 (setup and learning rates) and 1.3 (what every tuner read there).
Trap: after 25 steps at these rates an update is half as long as the base. A tuner that only starts somewhere is read after its
first SGD step; that step has no meaning for one whose factors both start at zero.
The model stays in eval mode, as in every arm.
"""

import time
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

import torch
from harness.errors import MeasureError, TrainingError
from harness.models import power_law
from harness.models.adapters import PROJECTIONS, Adaptation, Value
from harness.models.tuners import Calibration, adapt
from harness.spectra.footprint import Footprint, OnTheWay, Path, footprint
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.tuners import Adapted

RANK, ALPHA, STEPS = 8, 16.0, 25
RATE, SGD_RATE = 5e-3, 1.0
RATES = {
    **dict.fromkeys("fourierft c3a road unilora vblora boft boft_fixed_scale psoft psoft_no_magnitude".split(), 1e-2),
    **dict.fromkeys("ia3 vera pvera tinylora".split(), 2e-2),
}
"""AdamW's learning rate where it is not RATE."""

MOVED = 8 * 2.0**-24
"""An update shorter than this share of its matrix is rounding."""

DATA, DRAWN = 1_000_003, 2_000_003
"""What is added to a seed for the tokens and for the tuner's draws, so that no two share a stream."""


class Measured(NamedTuple):
    """One tuner on one seed.

    Attributes:
        tuner: its name in TUNERS.
        matrices: what each linear layer's update is, by name; those that did not move are left out.
        path: of those, what all steps' updates used; empty where it was not asked for.
        unmoved: names of linear layers that did not move.
        parameters: how many train.
        start: largest difference of a logit before the first step from the bare model's.
        loss: before the first step and after the last.
        merge: largest difference of a logit after peft's merge; None where peft has none.
        base, merged: the matrices themselves, (m, n) fp32.
        seconds: all of it.
    """

    tuner: str
    matrices: dict[str, Footprint]
    path: dict[str, OnTheWay]
    unmoved: tuple[str, ...]
    parameters: int
    start: float
    loss: tuple[float, float]
    merge: float | None
    base: dict[str, Tensor]
    merged: dict[str, Tensor]
    seconds: float

    def each(self) -> list[Footprint]:
        """The matrices that moved. MeasureError: none did."""
        if not self.matrices:
            raise MeasureError(f"No matrix moved under {self.tuner}: there is nothing to read.")
        return list(self.matrices.values())

    def mean(self, field: str) -> float:
        """A number of Footprint over the matrices that moved."""
        return fmean(getattr(each, field) for each in self.each())

    def over_chance(self, share: str) -> float:
        """A share of one side, such as "p_left", in units of what noise has there."""
        return self.mean(share) / self.mean(f"chance_{share[2:]}")

    def chance_of_a_side(self) -> float:
        """Mean over the two sides of what noise has in r directions."""
        return (self.mean("chance_left") + self.mean("chance_right")) / 2


def measure(
    tuner: str,
    seed: int,
    *,
    steps: int = STEPS,
    optimizer: str = "adamw",
    rate: float | None = None,
    settings: tuple[tuple[str, Value], ...] = (),
    rank: int = RANK,
    on_the_way: bool = False,
) -> Measured:
    """Adapt, train, read.

    Args:
        tuner: in TUNERS.
        seed: draws model, tokens and what the tuner draws.
        steps: from 1.
        optimizer: "adamw" or "sgd".
        rate: learning rate; by default the sheet's for AdamW, 1 for SGD.
        settings: further arguments of the tuner's config.
        rank: of the update.
        on_the_way: whether the weights are read after every step, for `path`.

    Raises:
        SpecError: no such tuner, or one that cannot be trained here.
        ModelError: its update is no matrix.
        TrainingError: no steps, an unknown optimizer, or a loss that is not finite.
    """
    began = time.perf_counter()
    how = Adaptation(tuner, rank=rank, alpha=ALPHA, targets=PROJECTIONS, settings=settings)
    model, ids = power_law.build(seed), power_law.tokens(seed + DATA)
    base = {name: p.detach().clone() for name, p in power_law.linear(model).items()}
    adapted, start = _put_on(model, how, ids, seed)
    parameters = sum(p.numel() for p in adapted.trainable().values())
    path, losses = Path(), []
    for loss in _trained(adapted, ids, steps, optimizer, rate):
        losses.append(loss)
        for name, w1 in _moved(adapted, base).items() if on_the_way else ():
            path.add(name, w1 - base[name])
    losses.append(_loss(model, ids).item())
    now = _moved(adapted, base)
    return Measured(
        tuner=tuner,
        matrices={name: footprint(base[name], w1, rank) for name, w1 in now.items()},
        path={name: read for name, read in path.read().items() if name in now},
        unmoved=tuple(name for name in base if name not in now),
        parameters=parameters,
        start=start,
        loss=(losses[0], losses[-1]),
        merge=_merge_error(adapted, ids),
        base=base,
        merged={name: w1.clone() for name, w1 in now.items()},
        seconds=time.perf_counter() - began,
    )


def start_difference(tuner: str, seed: int, settings: tuple[tuple[str, Value], ...] = ()) -> float:
    """`Measured.start` alone, without a step. Raises as `measure`."""
    how = Adaptation(tuner, rank=RANK, alpha=ALPHA, targets=PROJECTIONS, settings=settings)
    return _put_on(power_law.build(seed), how, power_law.tokens(seed + DATA), seed)[1]


def _put_on(model: nn.Module, how: Adaptation, ids: Tensor, seed: int) -> tuple["Adapted", float]:
    """The tuner on the model, and the largest difference that this makes to a logit."""
    bare = _logits(model, ids)
    adapted = adapt(model, how, seed + DRAWN, lambda: Calibration(ids, ids))
    return adapted, (_logits(model, ids) - bare).abs().max().item()


def _trained(adapted: "Adapted", ids: Tensor, steps: int, optimizer: str, rate: float | None) -> Iterator[float]:
    """Step by step, the loss before each; the caller looks at the weights between two."""
    if steps < 1:
        raise TrainingError(f"{steps} steps train nothing: give 1 or more.")
    if optimizer not in ("adamw", "sgd"):
        raise TrainingError(f"The bench steps by adamw or sgd, not {optimizer!r}.")
    parameters = list(adapted.trainable().values())
    if optimizer == "sgd":
        stepper: torch.optim.Optimizer = torch.optim.SGD(parameters, lr=SGD_RATE if rate is None else rate)
    else:
        lr = RATES.get(adapted.how.tuner, RATE) if rate is None else rate
        stepper = torch.optim.AdamW(parameters, lr=lr, weight_decay=0.0)
    for step in range(1, steps + 1):
        loss = _loss(adapted.model, ids)
        if not torch.isfinite(loss):
            raise TrainingError(f"The loss of {adapted.how.tuner} is {loss.item()} at step {step}: take a smaller rate.")
        stepper.zero_grad()
        adapted.penalised(loss).backward()
        stepper.step()
        adapted.after_step(step)
        yield loss.item()


def _moved(adapted: "Adapted", base: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The merged matrices whose update is more than rounding."""
    now = adapted.weights(base.__contains__)
    return {name: w1 for name, w1 in now.items() if (w1 - base[name]).norm() > MOVED * base[name].norm()}


def _loss(model: nn.Module, ids: Tensor) -> Tensor:
    return model(input_ids=ids, labels=ids).loss


@torch.no_grad()
def _logits(model: nn.Module, ids: Tensor) -> Tensor:
    return model(input_ids=ids).logits


def _merge_error(adapted: "Adapted", ids: Tensor) -> float | None:
    """Changes the model: the last thing that is done with it."""
    if adapted.wrapper is None or not hasattr(adapted.wrapper, "merge_and_unload"):
        return None
    before = _logits(adapted.model, ids)
    return (_logits(adapted.wrapper.merge_and_unload(), ids) - before).abs().max().item()

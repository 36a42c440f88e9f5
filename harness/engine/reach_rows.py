"""Tuners measured on the reach bench, one at a time, each beside what it is registered with.

Three things are registered of a tuner and checked: its class (harness.engine.reach_class), whether it starts as the identity (a
logit off by < 1e-5), whether it keeps the spectrum (resid < 1e-5 of the worst matrix).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.engine import reach
from harness.engine.reach_class import ROUNDING, criterion, judged
from harness.errors import HarnessError
from harness.models.adapters import TUNERS

AS_IT_WAS = 1e-5
"""Largest difference of a logit of a start that is the identity: peft's products round to 1e-6 (sheet, 1.3)."""


class Checked(NamedTuple):
    """One registered property: what was measured, where it had to be, whether it was."""

    says: str
    value: float
    limit: str
    holds: bool


class Row(NamedTuple):
    """One tuner.

    Attributes:
        tuner, reach, exact: as registered.
        checks: its class first; empty where nothing could be measured.
        measured: what the bench read after all steps; None likewise.
        why: a clause that says why there is nothing.
        failed: whether it was to be measured and could not be.
    """

    tuner: str
    reach: str
    exact: bool
    checks: tuple[Checked, ...] = ()
    measured: "reach.Measured | None" = None
    why: str = ""
    failed: bool = False

    @property
    def holds(self) -> bool | None:
        """Whether all that is registered was borne out; None where nothing was to be measured."""
        return False if self.failed else all(each.holds for each in self.checks) if self.checks else None


def rows(tuners: Sequence[str], seed: int, steps: int = reach.STEPS) -> Iterator[Row]:
    """Measure one tuner after the other, as they are asked for.

    Args:
        tuners: names in TUNERS.
        seed: of model, tokens and draws.
        steps: of AdamW.

    A tuner that fails gives a row that says how, so that a version of peft that breaks one still shows the others.
    """
    for tuner in tuners:
        known = TUNERS[tuner]
        if not judged(known):
            yield Row(tuner, known.reach, known.exact, why=known.why)
            continue
        try:
            yield row(tuner, seed, steps)
        except HarnessError as error:
            yield Row(tuner, known.reach, known.exact, why=str(error), failed=True)
        except Exception as error:  # noqa: BLE001  whatever peft raises is this row's finding
            yield Row(tuner, known.reach, known.exact, why=f"{type(error).__name__}: {error}", failed=True)


def row(tuner: str, seed: int, steps: int = reach.STEPS) -> Row:
    """Measure a tuner and compare it with its row of the table.

    Raises:
        as `reach.measure`.
    """
    known, wanted = TUNERS[tuner], criterion(tuner)
    found = reach.measure(tuner, seed, steps=steps, on_the_way=wanted.on_the_way)
    value = wanted.read(reach.measure(tuner, seed, steps=1, optimizer="sgd") if wanted.first else found)
    checks = [Checked(wanted.says, value, wanted.text(), wanted.holds(value))]
    same = found.start < AS_IT_WAS
    checks.append(Checked("start", found.start, f"{'<' if known.identity else '>'} {AS_IT_WAS:g}", same == known.identity))
    if known.isospectral:
        resid = max(each.resid for each in found.each())
        checks.append(Checked("resid", resid, f"< {ROUNDING:g}", resid < ROUNDING))
    return Row(tuner, known.reach, known.exact, tuple(checks), found)

"""What each reach class of the table of tuners claims of a measured update, as a number with a limit. Data; no torch.

    class        where it holds to rounding (`exact`)                 where it holds nearly, or at the start
    any          energy beyond r directions < 1e-5                    beyond 2r
    left         row i of D in the span of rows i and j of W0         -
    right        resid and left_gram < 1e-5                           resid < .1
    scaling      every row of D along W0's own, or every column       -
    core         energy outside the r x r core < 1e-5                 -
    spectrum     energy off the diagonal < 1e-5                       -
    minor        a side inside the trailing r: outside < 1e-5         first step: the larger side >= 3 x chance
    principal    the same of the leading r                            first step: the larger side >= 3 x chance
    complement   both sides' energy in the leading r < 1e-5           first step: < 1/3 of chance
    subspace     a side of all steps in half of its directions        first step: energy beyond r < 1e-5
    sparse       under half of the entries ever moved                 -
    full         energy beyond 2r directions > 1e-5

Exact classes are read on the worst matrix, the others on the mean. "first step" is one SGD step; all else 25 of AdamW.
Source: the sheet peft_merge, 1.6 (classes) and 1.8 (limits of P1 and P2); the others follow, rounding being 1e-10 of an energy.
Trap: `subspace` asks for 1e-9. Over 25 steps plain LoRA itself leaves only 1e-4 of its energy outside half of its directions.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from harness.errors import SpecError
from harness.models.adapters import TUNERS

if TYPE_CHECKING:
    from harness.engine.reach import Measured
    from harness.models.adapters import Tuner

ROUNDING, SPAN, NEARLY, TIMES_CHANCE, HALF = 1e-5, 1e-9, 0.1, 3.0, 0.5


class Criterion(NamedTuple):
    """One number of a measured tuner, and where it has to be.

    Attributes:
        says: what it is, for a table.
        read: takes it off a Measured.
        limit: what it is compared with.
        below: whether it has to lie below, else above.
        first: whether it is read after one SGD step, else at the end.
        on_the_way: whether it needs the weights of every step.
        null: a tuner that must not meet it.
    """

    says: str
    read: "Callable[[Measured], float]"
    limit: float
    below: bool = True
    first: bool = False
    on_the_way: bool = False
    null: str = "lora"

    def holds(self, value: float) -> bool:
        """Whether a value meets the limit."""
        return value < self.limit if self.below else value > self.limit

    def text(self) -> str:
        """The limit in a table, such as "< 1e-05"."""
        return f"{'<' if self.below else '>'} {self.limit:.2g}"


def _worst(read: "Callable[..., float]") -> "Callable[[Measured], float]":
    return lambda found: max(map(read, found.each()))


def _one_side(left: str, right: str) -> "Callable[[Measured], float]":
    """What the better side leaves out in its worst matrix: a tuner fixes the same side everywhere."""
    return lambda found: min(max(1 - getattr(each, side) for each in found.each()) for side in (left, right))


def _larger_side(left: str, right: str) -> "Callable[[Measured], float]":
    """Over chance, the larger of the two sides' means."""
    return lambda found: max(found.over_chance(left), found.over_chance(right))


def _span(found: "Measured") -> float:
    return min(max(getattr(each, side) for each in found.path.values()) for side in ("left", "right"))


def _entries(found: "Measured") -> float:
    return max(each.entries for each in found.path.values())


def _leak(found: "Measured") -> float:
    return (found.mean("p_left") + found.mean("p_right")) / 2


BEYOND = Criterion("energy beyond r", _worst(lambda each: each.beyond), ROUNDING, null="oft")
BEYOND_TWICE = Criterion("energy beyond 2r", _worst(lambda each: each.beyond2), ROUNDING, null="oft")

EXACT = {
    "any": BEYOND,
    "left": Criterion("off pairs of rows", _worst(lambda each: each.pairs), ROUNDING),
    "right": Criterion("sigma and left frame", _worst(lambda each: max(each.resid, each.left_gram)), ROUNDING),
    "scaling": Criterion("off rows or columns", _worst(lambda each: each.scaling), ROUNDING),
    "core": Criterion("outside the core", _worst(lambda each: 1 - each.core), ROUNDING),
    "spectrum": Criterion("off the diagonal", _worst(lambda each: 1 - each.diagonal), ROUNDING),
    "minor": Criterion("outside trailing r", _one_side("m_left", "m_right"), ROUNDING),
    "principal": Criterion("outside leading r", _one_side("p_left", "p_right"), ROUNDING),
    "complement": Criterion("inside leading r", _worst(lambda each: (each.p_left + each.p_right) / 2), ROUNDING),
    "subspace": Criterion("beyond half a side", _span, SPAN, on_the_way=True),
    "sparse": Criterion("entries ever moved", _entries, HALF, on_the_way=True),
    "full": Criterion("energy beyond 2r", lambda found: found.mean("beyond2"), ROUNDING, below=False),
}
NEARLY_SO = {
    "any": BEYOND_TWICE,
    "right": Criterion("resid", lambda found: found.mean("resid"), NEARLY),
    "minor": Criterion("trailing r / chance", _larger_side("m_left", "m_right"), TIMES_CHANCE, below=False, first=True),
    "principal": Criterion("leading r / chance", _larger_side("p_left", "p_right"), TIMES_CHANCE, below=False, first=True),
    "complement": Criterion(
        "leading r / chance", lambda found: _leak(found) / found.chance_of_a_side(), 1 / TIMES_CHANCE, first=True
    ),
    "subspace": BEYOND._replace(first=True),
    "full": EXACT["full"],
}


def named(tuners: Sequence[str]) -> tuple[str, ...]:
    """Tuners of the table, all of them where none is given.

    Raises:
        SpecError: one that is not there.
    """
    for tuner in tuners:
        if tuner not in TUNERS:
            raise SpecError(f"there is no tuner {tuner!r}; use one of {', '.join(TUNERS)}.")
    return tuple(dict.fromkeys(tuners)) or tuple(TUNERS)


def criterion(tuner: str) -> Criterion:
    """What the class that a tuner is registered with claims.

    Raises:
        SpecError: no such tuner, its update is no matrix, or nothing is claimed of its class as it holds.
    """
    [tuner] = named([tuner])
    row = TUNERS[tuner]
    if not judged(row):
        raise SpecError(f"{tuner} has no reach to measure: {row.why}.")
    if row.reach == "any" and row.exact and row.keeps_start:
        return BEYOND_TWICE  # W1 - W0 = B A - B_0 A_0
    found = (EXACT if row.exact else NEARLY_SO).get(row.reach)
    if found is None:
        raise SpecError(f"Nothing is claimed of {tuner}: the reach {row.reach!r} holds exactly or not at all.")
    return found


def judged(row: "Tuner") -> bool:
    """Whether a tuner's reach can be measured: it trains here, and its update is a matrix."""
    return row.trains and row.merges

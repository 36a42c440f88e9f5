"""In which precision the singular values of a large pair are read: fp64, or fp32 where a sample has shown that this is enough.

The Gram matrix in fp32 costs half, and is off by about eps sigma_1 in a value of size sigma: nothing beside a large update, too much
beside a small one. So the matrices of each module on which null draws are made are read both ways. The module's others are read in
fp32 where the worst of these shifts was off by less than a tenth of the tolerance (relative), else, and as long as nothing is known, in
fp64. Each row's route says which it was.
Trap: the error is one matrix's. Noise of relative size 8e-4 at 4096 x 4096 was read off by .6, 1.6 and 12.9 % on three seeds, so a
matrix that does well says little about the next; ten times better than asked leaves room for that.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.engine.diff_plan import Plan, Task
from harness.models.sample import stratum

MARGIN = 10.0


class Precision:
    """What the sample has shown so far.

    Args:
        plan: of a single pair whose null draws are made on a sample; of any other, everything is read in fp64.
        tolerance: largest relative error of a shift.
    """

    def __init__(self, plan: Plan, tolerance: float) -> None:
        self._both = plan.drawn if len(plan.drawn) < len(plan.entries) and list(plan.steps) == [None] else frozenset()
        self._strata = {entry.name: stratum(entry) for entry in plan.entries}
        self._enough = tolerance / MARGIN
        self._errors: dict[str, list[float]] = defaultdict(list)

    def note(self, name: str, rows: Sequence[Mapping]) -> None:
        """Rows of a matrix that was measured, now or before."""
        self._errors[self._strata[name]] += [row["value"] for row in rows if row["metric"] == "fp32_error" and row["value"] is not None]

    def values(self, name: str) -> str:
        """For one matrix, as `MatrixReader` takes it."""
        if name in self._both:
            return "both"
        errors = self._errors[self._strata[name]]
        return "fp32" if self._both and errors and max(errors) <= self._enough else "fp64"

    def chosen(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """Tasks with their precision, each decided on when it is asked for."""
        return (task._replace(values=self.values(task.name)) for task in tasks)

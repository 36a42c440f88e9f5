"""rows -> verdicts -> Parquet: what the controlling process keeps while claims are measured, and writes at the end.

Workers send rows as text; the ledger journals each claim as it arrives, judges whole families at the end (Holm needs
all of a family's p-values), commits one session to the store, and says what changed. It is the only writer.
"""

import os
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from harness.claims import OWN
from harness.engine import judging, pool, provenance
from harness.engine.own import Own
from harness.report import look, terminal
from harness.report.cells import fitted, folded
from harness.report.failure import failure_text
from harness.store import compare, schema, writer
from harness.training.recipe import LOOP_VERSION


class Ledger:
    """One session's claims, from the first row to the verdict table.

    Args:
        results: the results folder; probed for writing at once, so that nothing is trained for nothing.
        root: the checkout, for provenance.
        seeds: replicates asked for; seed_base: the first of them.
        scales: scales asked for.
        workers: processes that measure, to share out the wall time.
        own: the user's checkpoints, where they are what is judged.
        judged: "regression" or "evidence"; pooled: the sessions whose values are judged together with this one's.

    Raises:
        StoreError: the folder cannot be read or written.
    """

    def __init__(
        self,
        results: Path,
        root: Path,
        *,
        seeds: int,
        seed_base: int,
        scales: list[str],
        workers: int = 1,
        own: Own | None = None,
        judged: str = "regression",
        pooled: tuple[str, ...] = (),
    ):
        self.results, self.root, self.own = results, root, own
        self.workers = max(1, workers)
        self.provenance = {
            "mode": "ci" if os.environ.get("CI") else "dev",
            "judged": judged,
            "pooled": list(pooled) if judged == pool.EVIDENCE else None,
            "seed_base": seed_base,
            "seeds": seeds,
            "scales": scales,
            "schema_version": schema.SCHEMA_VERSION,
            "loop_version": LOOP_VERSION,
            **provenance.git_state(root),
            **provenance.versions(),
            **provenance.machine(),
        }
        known = compare.previous_verdicts(results, judged=judged)  # first: a damaged file is told before anything is trained
        self.previous = {key: row for key, row in known.items() if key[1] != OWN}  # those were of other checkpoints
        self.durations = compare.last_durations(results)
        self.session = writer.Session(results).open(self.provenance)
        self.started = time.perf_counter()
        self.started_at = datetime.now(UTC)
        self.claims: dict[tuple[str, str], dict] = {}
        self.provisional: dict[tuple[str, str], str] = {}
        self.measurements: list[dict] = []
        self.seconds = Counter()
        self.trained = 0
        self.busy: dict[int, tuple[float, float]] = {}
        self.numerics: dict[str, object] = {}
        self.verdicts: list[dict] = []
        self.path: Path | None = None

    def receive(self, message: dict) -> None:
        """Take one claim's message: its row of `claims`, its measurements, and where the time went."""
        claim = message["claim"]
        self.session.journal("claim", message)
        self.claims[claim["claim_id"], claim["scale"]] = claim
        self.provisional[claim["claim_id"], claim["scale"]] = message.get("verdict", "")
        self.measurements += message["measurements"]
        self.trained += message["trained"]
        span = message["span"]
        first, _ = self.busy.get(span["process"], (span["began"], 0.0))
        self.busy[span["process"]] = (first, span["ended"])
        for name, value in message["seconds"].items():
            self.seconds[name] += value
        self.numerics = message["numerics"] or self.numerics

    def close(self) -> None:
        """Judge every family and commit the session."""
        claims = list(self.claims.values())
        measured = {(row["claim_id"], row["scale"]) for row in claims if row["status"] == "measured"}
        rows = [row for row in self.measurements if (row["claim_id"], row["scale"]) in measured]
        judged, pooled = self.provenance["judged"], self.provenance["pooled"] or ()
        self.verdicts = judging.verdict_rows(claims, pool.with_earlier_in(self.results, pooled, claims, rows), judged)
        self.path = self.session.commit(
            {"claims": claims, "measurements": rows, "verdicts": self.verdicts, "runs": [self._run_row(claims)]}
        )

    def flips(self) -> list[str]:
        """Claims whose final verdict contradicts the one they are registered to have, a text each.

        A sentence; below it all numbers where only the whole family (Holm) settled it, since the item did not fail then.
        """
        judged = self.provenance["judged"]
        return [self._flip(row) for row in self.verdicts if judging.contradicts(row["verdict"], row["expected"], judged)]

    def _flip(self, row: dict) -> str:
        key = row["claim_id"], row["scale"]
        says = f"{row['claim_id']} [{row['scale']}]: {row['verdict']}, registered as {row['expected']}"
        if self.provisional.get(key) == row["verdict"]:
            return says
        values = [each for each in self.measurements if (each["claim_id"], each["scale"]) == key]
        _, *numbers = failure_text(self.claims[key], row, values).splitlines()
        return "\n".join([f"{says}, once its family was judged as a whole", *numbers])

    def summary(self, *, width: int, color: bool, ascii_only: bool = False) -> str:
        """The verdict table, notes on what was measured, what was skipped, then the times and where the rows are."""
        say = look.plain if ascii_only else str
        table = terminal.verdict_table(self.verdicts, self.previous, width=width, color=color, ascii=ascii_only)
        claims = list(self.claims.values())
        idle = self.own.unused(map(judging.claim_of, claims)) if self.own else []
        lines = [table, *terminal.remark_lines(claims, width, say)]
        lines += [line for note in idle for line in folded(say(f"note [{OWN}]: {note}"), width, " ", "   ")]
        ends = [line for text in (self.time_line(), *self._where_lines(width)) for line in fitted(say(text), width, "", "  ")]
        return "\n".join([*lines, "", *ends])

    def markdown(self) -> str:
        """The verdict table for a CI job summary."""
        return terminal.verdict_table(self.verdicts, self.previous, width=120, color=False, markdown=True)

    def time_line(self) -> str:
        """Wall time, cold or warm, its shares of what the measuring processes had, and the other kind's last time."""
        wall = time.perf_counter() - self.started
        kind, other = ("cold", "warm") if self.trained else ("warm", "cold")
        shares = ", ".join(f"{name} {100 * share:.0f} %" for name, share in self._shares(wall).items())
        last = f"; last {other} session {self.durations[other]:.0f} s" if other in self.durations else ""
        untrained = "nothing to train" if self.own else "every run from the cache"
        runs = f"{self.trained} runs trained" if self.trained else untrained
        return f"{kind} {wall:.0f} s ({runs}) on {self.workers} process{'es' * (self.workers > 1)}: {shares}{last}"

    def _shares(self, wall: float) -> dict[str, float]:
        """Shares of the time that the measuring processes had; "neither" is what is left, of which part is explained."""
        capacity = max(wall * self.workers, 1e-9)
        used = {name: self.seconds[name] / capacity for name in ("training", "waiting", "measuring")}
        began = self.started_at.timestamp()
        parts = {
            "start-up": sum(first - began for first, _ in self.busy.values()),
            "imports": self.seconds["imports"],
            "idle at the end": sum(began + wall - last for _, last in self.busy.values()),
        }
        return {**used, "neither": max(0.0, 1.0 - sum(used.values())), **{f"({k})": v / capacity for k, v in parts.items()}}

    def _where_lines(self, width: int) -> list[str]:
        """The file and a query: side by side where that fits."""
        where = os.path.relpath(self.path, self.root) if self.path else "nothing was written"
        view = "latest_evidence" if self.provenance["judged"] == pool.EVIDENCE else "latest_verdict"
        query = f'query: harness query "from {view}"'
        return [f"{where}   {query}"] if len(where) + len(query) + 3 <= width else [where, query]

    def _run_row(self, claims: list[dict]) -> dict:
        wall = time.perf_counter() - self.started
        unset = dict.fromkeys(("gpu", "driver", "blas", "tf32", "deterministic", "default_dtype"))
        return {
            "run_id": self.session.run_id,
            "started": self.started_at,
            "finished": datetime.now(UTC),
            "duration_s": wall,
            "training_s": self.seconds["training"] + self.seconds["waiting"],
            "measuring_s": self.seconds["measuring"],
            "other_s": self._shares(wall)["neither"] * wall,
            **self.provenance,
            **unset,
            **self.numerics,
            "trained": self.trained,
            **judging.tally(claims, self.verdicts),
        }

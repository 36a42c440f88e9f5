"""Writing one session: a journal while it runs, four Parquet files when it ends.

Every file is written under a temporary name and renamed (a reader's glob matches dotfiles, so the name ends in .tmp), and the
`runs` file comes last: views semi-join it, so a session killed in between is invisible rather than half-visible.
A run id is UTC time, commit, and four random digits: it sorts by time and needs no counter, so sessions cannot race for one.
"""

import os
import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.errors import StoreError
from harness.store import journal as journals
from harness.store.rows import check_keys, check_row
from harness.store.schema import TABLES, metadata, schema


def new_run_id(git_sha: str | None = None, now: datetime | None = None) -> str:
    """A run id such as 20261121T233010Z-ab12cd3-9f3e."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{(git_sha or '')[:7] or 'nogit'}-{secrets.token_hex(2)}"


def table_path(results_dir: Path, table: str, run_id: str) -> Path:
    """Where a run's rows of one table are: <table>/<YYYY-MM>/<run_id>.parquet."""
    return results_dir / table / f"{run_id[:4]}-{run_id[4:6]}" / f"{run_id}.parquet"


class Session:
    """One writer of one run.

        session = Session("results").open({"git_sha": sha, "mode": "dev", "judged": "regression"})
        session.journal("claim", {"claim": row, "measurements": rows})      # as claims are measured
        session.commit({"claims": [...], "measurements": [...], "verdicts": [...], "runs": [run]})

    `run_id` is filled in where a row lacks it.
    """

    def __init__(self, results_dir: str | Path, run_id: str | None = None):
        self.results_dir = Path(results_dir)
        self.run_id = run_id or ""
        self.git_sha = ""

    @property
    def journal_path(self) -> Path:
        return self.results_dir / "inflight" / f"{self.run_id}.jsonl"

    @property
    def run_path(self) -> Path:
        """The file whose existence means that the run is complete."""
        return table_path(self.results_dir, "runs", self.run_id)

    def open(self, run: Mapping[str, Any] | None = None) -> "Session":
        """Probe that every table can be written and begin the journal, before anything is trained.

        Args:
            run: provenance known now, columns of `runs`; `harness recover` uses it if the session is killed.

        Raises:
            StoreError: the folder is read-only, the disk is full, or provenance has a key that is no column.
        """
        run = dict(run or {})
        check_keys("runs", run)
        self.git_sha = str(run.get("git_sha") or "")
        run.setdefault("started", datetime.now(UTC).isoformat())
        while True:
            self.run_id = new_run_id(self.git_sha)
            try:
                for table in TABLES:
                    self._probe(table_path(self.results_dir, table, self.run_id).parent)
                self.journal_path.parent.mkdir(parents=True, exist_ok=True)
                with self.journal_path.open("x", encoding="utf-8") as file:
                    file.write(journals.header(self.run_id, run))
            except FileExistsError as error:
                if not self.journal_path.is_file():
                    raise self._refused(error) from error
                continue  # another session drew the same id in the same second
            except OSError as error:
                raise self._refused(error) from error
            return self

    def journal(self, kind: str, message: Mapping[str, Any]) -> None:
        """Append one line and flush it; see `harness.store.journal.entry` for what a claim's message holds.

        Raises:
            StoreError: a row does not fit its table, or the disk refuses it.
        """
        text = journals.entry(kind, message, self.run_id)
        try:
            with self.journal_path.open("a", encoding="utf-8") as file:
                file.write(text)
        except OSError as error:
            raise self._refused(error) from error

    def commit(self, tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> Path:
        """Write the session's rows and make the run visible; the journal is then removed.

        Args:
            tables: table name to rows; `runs` must be there, with one row.

        Returns:
            The path of the `runs` file.

        Raises:
            StoreError: a row does not fit its table, or a file cannot be written; the journal is kept.
        """
        checked = {table: [check_row(table, self._own(row)) for row in rows] for table, rows in tables.items()}
        if len(checked.get("runs", ())) != 1:
            raise StoreError("a session commits exactly one row of table runs")
        self.git_sha = self.git_sha or str(checked["runs"][0]["git_sha"] or "")
        for table in [*(each for each in checked if each not in TABLES), *TABLES]:
            self._write(table, checked.get(table, []))
        self.journal_path.unlink(missing_ok=True)
        return self.run_path

    def _own(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if row.get("run_id") not in (None, self.run_id):
            raise StoreError(f"a row of run {row['run_id']} was given to run {self.run_id}")
        return {**row, "run_id": self.run_id}

    def _write(self, table: str, rows: list[dict[str, Any]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            content = pa.Table.from_pylist(rows, schema=schema(table).with_metadata(metadata(self.git_sha)))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise StoreError(f"a row of table {table} has a value of the wrong type: {error}") from error
        path = table_path(self.results_dir, table, self.run_id)
        temporary = path.with_name(path.name + ".tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                pq.write_table(content, file, compression="zstd")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise self._refused(error) from error

    @staticmethod
    def _probe(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f"probe-{os.getpid()}-{secrets.token_hex(4)}.tmp"
        try:
            probe.write_bytes(b"\0" * 4096)
        finally:
            probe.unlink(missing_ok=True)

    def _refused(self, error: OSError) -> StoreError:
        kept = ""
        if self.run_id and self.journal_path.is_file():
            kept = f"; what was measured is kept in {self.journal_path}, `harness recover` brings it back"
        reason = error.strerror or str(error)
        return StoreError(
            f"cannot write results in {self.results_dir}: {reason}; "
            f"free space or name another folder (--claim-results DIR, HARNESS_RESULTS){kept}"
        )

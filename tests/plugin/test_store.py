"""Sessions and the store: read-only folders, changed specs, kills, two sessions at once."""

import os
import signal
import subprocess
import sys
import time

from pytest import mark

BODY = """
@claim("rises", h.above(0.5))
def test_rises(rng, shift=1.0):
    return noisy(rng, shift)
"""
SLOW = """
@claim("waits", h.above(0.5))
def test_waits(rng, shift=1.0):
    import time
    time.sleep(60)
    return shift
"""


@mark.parametrize("workers", ["0", "2"], ids="n={}".format)
def test_results_that_cannot_be_written_are_refused_before_anything_is_measured(suite, workers):
    """A file in the folder's place refuses writing to everybody, root included."""
    suite.results.write_text("not a folder")
    done = suite.write(BODY.replace("return noisy", "raise SystemExit('measured'); return noisy")).run("-n", workers)
    text = done.stdout + done.stderr
    assert done.returncode == 4, text
    assert "cannot write results" in text and "INTERNALERROR" not in text and "measured" not in text.replace("what was measured", "")


def test_a_changed_spec_needs_a_new_version(suite):
    suite.write(BODY).run()
    changed = suite.write(BODY.replace("above(0.5)", "above(0.4)")).run()
    assert changed.returncode == 1 and "is still version 1" in changed.stdout and "version=2" in changed.stdout
    versioned = BODY.replace("above(0.5)", "above(0.4), version=2, why='the margin was a typing error'")
    assert suite.write(versioned).run().returncode == 0


def test_a_changed_body_needs_a_new_version_too(suite):
    suite.write(BODY).run()
    changed = suite.write(BODY.replace("noisy(rng, shift)", "noisy(rng, shift) + 0.1")).run()
    assert changed.returncode == 1 and "is still version 1" in changed.stdout


def test_a_duplicate_id_names_both_places(suite):
    done = suite.write(BODY + BODY.replace("def test_rises", "def test_again")).run()
    assert done.returncode != 0 and "test_toy.py:" in done.stdout and "toy/rises" in done.stdout


def test_a_session_killed_midway_is_invisible_and_recovered(suite):
    suite.write(BODY + SLOW)
    running = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-m", "claim", "-p", "no:cacheprovider", "-p", "no:benchmark", "-q"],
        cwd=suite.folder, env={**os.environ, "HARNESS_CACHE": str(suite.folder / "cache")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not any("toy/rises" in p.read_text() for p in suite.results.glob("inflight/*.jsonl")):
        time.sleep(0.2)
    running.send_signal(signal.SIGKILL)
    running.wait(timeout=30)
    assert suite.query("FROM complete_runs") == []
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "recover", "--results", str(suite.results)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert suite.query("SELECT claim_id, verdict FROM latest_verdict") == [{"claim_id": "toy/rises", "verdict": "supported"}]


def test_two_sessions_at_once_both_land(suite):
    suite.write(BODY)
    command = [sys.executable, "-m", "pytest", "-m", "claim", "-p", "no:cacheprovider", "-p", "no:benchmark", "-q"]
    environment = {**os.environ, "HARNESS_CACHE": str(suite.folder / "cache")}
    running = [
        subprocess.Popen(command, cwd=suite.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    assert suite.query("SELECT count(*) AS n, count(DISTINCT run_id) AS runs FROM verdicts") == [{"n": 2, "runs": 2}]


@mark.parametrize("method", ["journal", "commit"])
def test_a_disk_that_fills_up_midway_fails_the_session_in_one_sentence(suite, method):
    """The store refuses in the controlling process, as it does with no space left."""
    (suite.folder / "conftest.py").write_text(
        'pytest_plugins = ["harness.plugin"]\n'
        "from harness.errors import StoreError\nfrom harness.store.writer import Session\n\n\n"
        f'def full(self, *_):\n    raise StoreError("cannot write results: No space left on device")\n\n\nSession.{method} = full\n'
    )
    done = suite.write(BODY).run()
    assert done.returncode == 1, done.stdout
    assert "ERROR cannot write results: No space left" in done.stdout and "INTERNALERROR" not in done.stdout
    assert suite.query("FROM complete_runs") == []

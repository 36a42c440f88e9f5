"""The workflows: every command is documented, every command works, and nothing is kept or trusted without a limit."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import yaml
from harness.store.baseline import write_baseline
from pytest import fixture, mark

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def documented(*pages: str) -> list[str]:
    """Lines of the sh blocks of these pages, without comments."""
    blocks = [block for page in pages for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), flags=re.S)]
    lines = (line.partition(" # ")[0].strip() for block in blocks for line in block.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def jobs(path: Path) -> list[dict]:
    return list(yaml.safe_load(path.read_text())["jobs"].values())


def steps(path: Path) -> list[dict]:
    return [step for job in jobs(path) for step in job["steps"]]


def commands(job: dict) -> list[str]:
    """Each run step of a job, one for every suite of its matrix."""
    suites = job.get("strategy", {"matrix": {"suite": [""]}})["matrix"]["suite"]
    written = [step["run"].strip() for step in job["steps"] if "run" in step]
    return list(dict.fromkeys(line.replace("${{ matrix.suite }}", suite) for suite in suites for line in written))


@cache
def planned(command: str, place: Path) -> str:
    """What `--claim-plan` says of a pytest command with nothing in the cache."""
    words, folder = as_tested(command)
    environment = {**os.environ, "HARNESS_CACHE": str(place / "nothing")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=True).stdout


@fixture(scope="module")
def place(tmp_path_factory, store_with_one_run) -> Path:
    """A folder with a store, its baseline, and another store where evidence is."""
    folder = tmp_path_factory.mktemp("runner")
    for name in ("results", "results/evidence"):
        shutil.copytree(store_with_one_run, folder / name)
    write_baseline(folder / "results")
    return folder


def as_tested(command: str) -> tuple[list[str], Path | None]:
    """The command without its cost, and where it runs if not in the runner's folder: make and pytest say what they would do."""
    words = shlex.split(command)
    if words[0] == "make":
        return ["make", "-n", *words[1:]], ROOT
    if words[0] == ".ci/run":
        return ["bash", "-n", *words], ROOT
    if words[0] == "pytest":
        at = words.index("-n") if "-n" in words else len(words)
        plain = words[1:at] + words[at + 2 :]
        evidence = [] if "evidence" in words else ["--claim-results", "nowhere"]
        return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--claim-plan", "-q", *plain, *evidence], ROOT
    if words[0] == "harness":
        return [sys.executable, "-m", "harness.cli", *map(os.path.expandvars, words[1:])], None
    return ["bash", "-c", command], None


@mark.parametrize("command", documented("docs/nightly.md"))
def test_a_documented_command_works(command, place, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(place / "summary.md"))
    monkeypatch.setenv("GITHUB_PATH", str(place / "path"))
    words, folder = as_tested(command)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HARNESS_CACHE": str(place / "cache")}
    done = subprocess.run(words, cwd=folder or place, env=environment, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    if "--summary" in words:
        assert "as in the baseline" in (place / "summary.md").read_text()
    if "--out" in words:
        assert (place / words[-1]).stat().st_size > 1000


@mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_steps_are_documented_commands(path):
    known = {*documented("README.md"), *documented("docs/nightly.md")}
    assert {command for job in jobs(path) for command in commands(job)} <= known


def test_a_night_measures_every_claim_at_every_scale_that_it_lists(place):
    """A suite that is given its first claim on SmolLM2 must be given a job."""
    nightly = yaml.safe_load(WORKFLOWS[1].read_text())["jobs"]
    counted = {
        name: sum(
            int(re.search(r"^(\d+) claims x", planned(line, place), re.MULTILINE)[1])
            for line in commands(nightly[name])
            if line.startswith("pytest")
        )
        for name in ("tiny", "small", "evidence")
    }
    everything = planned("pytest suites/ -m claim --claim-nightly", place)
    assert counted["tiny"] + counted["small"] == int(re.search(r"^(\d+) claims x", everything, re.MULTILINE)[1])
    assert counted["evidence"] == counted["small"]


def test_every_nightly_job_has_the_time_to_train(place):
    """By the recipes' own cost on a core, with a quarter of the time left to measure."""
    for job in jobs(WORKFLOWS[1]):
        for line in commands(job):
            if line.startswith("pytest"):
                found = re.search(r"about (\d+) CPU-seconds", planned(line, place))
                processes = 2 if "-n 2" in line else 1
                assert (int(found[1]) if found else 0) / processes < 0.75 * 60 * job["timeout-minutes"], line


@mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_is_kept_or_trusted_without_a_limit(path):
    """Actions by their major version, artifacts for a while, jobs with an end, no secret and no write permission."""
    text = path.read_text()
    assert "secrets." not in text and "continue-on-error" not in text and ".cache" not in text
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert all(0 < job["timeout-minutes"] <= 360 for job in jobs(path))
    used = [step["uses"] for step in steps(path) if "uses" in step]
    assert all(re.fullmatch(r"actions/[\w/-]+@v\d+", name) for name in used)
    kept = [step for step in steps(path) if step.get("uses", "").startswith("actions/upload-artifact")]
    assert kept and all(1 <= step["with"]["retention-days"] <= 90 for step in kept)
    assert all("cancelled" in step["if"] for step in kept)  # a red night is the one that is looked at


def test_two_workflows_and_the_nightly_goes_on_after_a_red_step():
    assert [path.name for path in WORKFLOWS] == ["ci.yml", "nightly.yml"]
    after = [step for job in jobs(WORKFLOWS[1]) for step in job["steps"] if "run" in step and "harness" in step["run"]]
    assert len(after) == 5 and all(step["if"] == "${{ !cancelled() }}" for step in after)
    assert jobs(WORKFLOWS[0])[0]["steps"][-2]["run"] == ".ci/run"

"""The pages of docs/ are executed: commands, claims, figures and null values, so that they stay true."""

import linecache
import os
import re
import subprocess
from collections.abc import Callable
from math import sqrt
from pathlib import Path
from statistics import mean

import harness as h
import pytest
from harness.claims import clear
from tests.documented import PYTEST, ROOT, as_tested, blocks, checkpoints, commands, done  # noqa: F401

PAGES = {path.stem: path.read_text() for path in (ROOT / "docs").glob("*.md")}
WRITING, MEASURES, STATISTICS, OWN = (PAGES[name] for name in ("writing-a-claim", "measures", "statistics", "own-checkpoints"))
MOST_LINES = 200


def claims_of(page: str) -> list[str]:
    return [block for block in blocks(page, "python") if "@PAPER.claim" in block]


@pytest.mark.parametrize("name", ["writing-a-claim", "measures", "statistics", "own-checkpoints"])
def test_a_page_is_short_and_its_links_lead_somewhere(name):
    page = PAGES[name]
    assert len(page.splitlines()) <= MOST_LINES
    for line in page.splitlines():
        assert line.startswith(("|", "pytest ")) or len(line) <= 140, line
    for target in re.findall(r"\]\(([^)#]+)\)", page):
        assert (ROOT / "docs" / target).exists(), target


# -- own-checkpoints.md: everything is done, on tiny folders


@pytest.mark.parametrize("command", dict.fromkeys(commands(OWN)))
def test_a_command_on_own_checkpoints_works(command, store_with_one_run, checkpoints):  # noqa: F811
    ended = done(as_tested(command, checkpoints), results=store_with_one_run)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if "--claim-tuned rlvr=RL2" in command:
        assert " own    2 " in ended.stdout and "REFUTED" in ended.stdout
    elif "test_spectrum.py" in command:
        assert "a case" in ended.stdout and "needs the arm sft: give --claim-tuned sft=PATH" in ended.stdout


def test_the_page_names_every_word_in_which_a_screen_ends():
    from harness.report import diff_verdict

    named = OWN.partition("is a word: ")[2].partition(". It")[0]
    source = Path(diff_verdict.__file__).read_text()
    assert set(re.findall(r"\b[A-Z-]{5,}\b", named)) == set(re.findall(r'return f?"([A-Z-]+):', source))


# -- writing-a-claim.md: the newcomer's claim gives a verdict


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory):
    """A folder with the page's first claim, as a newcomer has it, and `run(command, source)`."""
    folder = tmp_path_factory.mktemp("newcomer")

    def run(command: str, source: str) -> subprocess.CompletedProcess:
        (folder / "test_mine.py").write_text(source)
        words = command.split()
        assert words[:2] == ["pytest", "test_mine.py"]
        environment = {name: value for name, value in os.environ.items() if name != "HARNESS_RESULTS"}
        given = dict(cwd=folder, env={**environment, "COLUMNS": "120"}, capture_output=True, text=True, timeout=590)
        return subprocess.run([*PYTEST, "-p", "harness.plugin", "-p", "no:benchmark", *words[1:]], check=False, **given)

    return run


def test_the_newcomers_claim_has_ten_lines():
    assert len([line for line in claims_of(WRITING)[0].splitlines() if line.strip()]) <= 10


def test_the_newcomers_claim_gives_the_verdict_on_the_page_and_a_changed_bound_is_refused(newcomer):
    """The arm comes from the cache, or is trained once (a minute and a half)."""
    source = claims_of(WRITING)[0]
    plan, verdict, strict = commands(WRITING)
    planned = newcomer(plan, source)
    assert planned.returncode == 0 and "sft" in planned.stdout and "pretrain" in planned.stdout
    ended = newcomer(verdict, source)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    [row] = [line.split() for line in ended.stdout.splitlines() if line.startswith("  on-the-principals")]
    [shown] = [line.split() for block in blocks(WRITING, "text") for line in block.splitlines() if "on-the-principals" in line]
    assert row[:3] == shown[:3] and row[-2] == shown[-2] == "SUPPORTED"
    assert float(row[3]) == pytest.approx(float(shown[3]), rel=0.2)
    changed = newcomer(verdict, source.replace("h.above(2.0", "h.above(20.0"))
    assert changed.returncode == 1 and "but is still version 1; give it version=2 and say why" in changed.stdout
    raised = source.replace("h.above(2.0", "h.above(20.0").replace('"my notes",', '"my notes", version=2, why="too easy",')
    failed = newcomer(strict, raised)
    assert failed.returncode == 1 and "my-first/on-the-principals [tiny] refuted, registered as supported" in failed.stdout
    assert "seed  claim" in failed.stdout and "again: pytest" in failed.stdout


@pytest.mark.parametrize("source", claims_of(WRITING))
def test_a_claim_on_the_page_is_one(source):
    names, path = {}, "documented.py"
    linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)  # a body's source is hashed
    clear()
    try:
        exec(compile(source, path, "exec"), names)
    finally:
        clear()
        del linecache.cache[path]
    assert any(hasattr(each, "__claim__") for each in names.values())


def test_the_nulls_plants_bounds_and_rules_that_the_page_names_exist():
    from harness.claims.aggregate import WITHIN
    from harness.claims.bounds import KINDS
    from harness.claims.controls import SURROGATES

    table = WRITING.partition("| the sentence is about |")[2].partition("\n\n")[0]
    named = {word for word in re.findall(r"`([a-z_]+)`", table)}
    assert named and named <= SURROGATES
    section = WRITING.partition("## Which bound")[2].partition("## Which null")[0]
    assert set(re.findall(r"h\.([a-z]+)\(", section)) == set(KINDS)
    assert all(rule in WRITING for rule in WITHIN)


# -- statistics.md: the figures are those that the script prints


def test_the_figures_are_those_that_are_printed():
    from harness.claims.simulate import text

    assert [block.rstrip("\n") for block in blocks(STATISTICS, "text")] == [text()]
    assert commands(STATISTICS) == ["python -m harness.claims.simulate"]


def test_the_equivalence_that_few_seeds_show():
    from harness.claims.power import detectable_margin

    assert f"+-{detectable_margin(3, 0.05):.1f} sd" in STATISTICS and f"+-{detectable_margin(5, 0.05):.1f} sd" in STATISTICS


def test_every_reason_is_explained():
    from harness.claims.verdict import REASONS

    for reason in filter(None, REASONS):
        assert f"| {reason} |" in STATISTICS, reason


# -- measures.md: every public measure, and what noise reads


def public_measures() -> list[str]:
    return [name for name in h.__all__ if h._HOME[name] != "harness.claims"]


@pytest.mark.parametrize("name", public_measures())
def test_every_public_measure_is_on_the_page(name):
    firsts = [line.split(" | ")[0] for line in MEASURES.splitlines() if line.startswith("| `")]
    assert any(f"`{name}`" in first for first in firsts)


def test_the_page_names_nothing_that_is_not_there():
    firsts = [line.split(" | ")[0] for line in MEASURES.splitlines() if line.startswith("| `")]
    assert {name for first in firsts for name in re.findall(r"`(\w+)`", first)} == set(public_measures())


M, N, K, DRAWS = 96, 64, 8, 24


@pytest.fixture(scope="module")
def of_noise() -> Callable[[Callable], float]:
    """of_noise(measure) is the mean over many noises on Gaussian matrices of 96 x 64."""
    import torch

    draw = torch.Generator().manual_seed(0)
    base = {f"w{i}": torch.randn(M, N, generator=draw) for i in range(DRAWS)}
    change = h.noise(base, relative=1e-3, generator=draw)
    other = h.noise(base, relative=1e-3, generator=draw)

    def read(measure: Callable) -> float:
        return mean((measure(change, other) if measure is h.update_cosine else measure(change)).values())

    return read


NULLS = {
    "kappa": (h.kappa, "**1**", 1.0),
    "spectral_drift_ratio": (h.spectral_drift_ratio, "**1/sqrt(max(m, n))**", 1 / sqrt(M)),
    "principal_energy": (lambda d: h.principal_energy(d, k=K), "**k^2/(mn)**", K * K / (M * N)),
    "principal_enrichment": (lambda d: h.principal_enrichment(d, k=K), "**1**", 1.0),
    "rho2_u": (lambda d: h.rho2_u(d, k=K), "**k/m**", K / M),
    "rho2_v": (lambda d: h.rho2_v(d, k=K), "**k/n**", K / N),
    "normalized_spectral_shift": (h.normalized_spectral_shift, "**rho times", 1e-3 / sqrt(M)),
    "isospectral_distance": (lambda d: h.isospectral_distance(d) / d.norm(), "**\\|D\\|/sqrt(max(m, n))**", 1 / sqrt(M)),
    "mirsky_slack": (h.mirsky_slack, "**1 - 1/max(m, n)**", 1 - 1 / M),
    "energy_profile": (lambda d: h.energy_profile(d)[0], "**1** in every bin", 1.0),
    "unexplained_excess": (lambda d: h.unexplained_excess(d, "remix", k=K), "**1**", 1.0),
    "stable_rank": (h.stable_rank, "**mn/(sqrt m + sqrt n)^2**", M * N / (sqrt(M) + sqrt(N)) ** 2),
    "participation_rank": (h.participation_rank, "**mn/(m + n)**", M * N / (M + N)),
    "matrix_rank": (h.matrix_rank, "**q**", N),
    "update_cosine": (h.update_cosine, "**0 +- 1/sqrt(mn)**", 0.0),
    "gated_stripe_score": (h.gated_stripe_score, "**1**", 1.0),
    "stripe_score": (h.stripe_score, "**1** on equal rows", 1.0),
}


@pytest.mark.parametrize("name", NULLS)
def test_noise_reads_what_the_page_says(name, of_noise):
    measure, written, value = NULLS[name]
    [row] = [line for line in MEASURES.splitlines() if line.startswith(f"| `{name}`")]
    assert written in row
    slack = 0.05 / sqrt(M * N) * sqrt(DRAWS) if value == 0.0 else (0.12 if "rank" in name or "stripe" in name else 0.06) * value
    assert of_noise(measure) == pytest.approx(value, abs=slack)


def test_random_spaces_meet_as_the_page_says():
    import torch

    a, b = torch.randn(2, 40, M, K, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    overlap = mean(h.principal_angles(x, y).cos().square().mean().item() for x, y in zip(a, b, strict=True))
    assert overlap == pytest.approx(K / M, rel=0.1)
    assert "mean cos^2 = **k/m**" in MEASURES


@pytest.mark.parametrize(("name", "shares"), [("entropy_rank", (0.80, 0.97)), ("energy_rank", (0.77, 0.97))])
def test_counts_of_directions_that_have_no_formula(name, shares):
    import torch

    draw = torch.Generator().manual_seed(2)
    change = h.noise({"a": torch.randn(256, 256, generator=draw), "b": torch.randn(512, 128, generator=draw)}, 1e-3, draw)
    found = getattr(h, name)(change)
    assert (found["a"] / 256, found["b"] / 128) == pytest.approx(shares, abs=0.012)
    assert f"{shares[0]:.2f} q at 256 x 256, {shares[1]:.2f} q at 512 x 128".replace("0.", ".") in MEASURES


@pytest.mark.parametrize(
    ("family", "value"),
    [("remix", sqrt(1 - K * K / (M * N))), ("left", sqrt(1 - K / M)), ("right", sqrt(1 - K / N)), ("iso", 1 / sqrt(M))],
)
def test_what_a_family_leaves_of_noise(family, value, of_noise):
    given = {} if family == "iso" else {"k": K}
    assert h.isotropic_unexplained((M, N), family, **given) == pytest.approx(value, rel=1e-6)
    assert of_noise(lambda d: h.unexplained_ratio(d, family, **given)) == pytest.approx(value, rel=0.05)


def test_storage_gates_the_masks_of_noise_as_the_page_says(of_noise):
    principal, low = (of_noise(lambda d, which=which: h.mask_overlap(d, which)) for which in ("principal", "low"))
    [row] = [line for line in MEASURES.splitlines() if line.startswith("| `mask_overlap`")]
    shown = [float(number) for number in re.findall(r"\*\*(\.\d+)\*\*", row)]
    assert [principal, low] == pytest.approx(shown, abs=0.03)

"""The nightly's two commands on a suite in which something is broken by accident: each turns red, and says the right thing.

The library is outside the suite's folder, as the harness is: a spec does not hash it. docs/log.md has the same on the real thing.
"""

import subprocess
import sys

BODY = """
from library.effect import effect


@claim("rises", h.above(0.5), null=h.variant(shift=0.0), plant=h.variant(shift=2.0))
def test_rises(rng, shift=1.0):
    return effect(noisy(rng, shift))
"""


def compare(suite):
    command = [sys.executable, "-m", "harness.cli", "compare", "--baseline", "--results", "results", "--suites", "none"]
    done = subprocess.run(command, cwd=suite.folder, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def test_what_breaks_by_accident_turns_the_night_red(suite):
    library = suite.folder / "library"
    library.mkdir()

    def night(effect="x", body=BODY):
        (library / "effect.py").write_text(f"def effect(x):\n    return {effect}\n")
        code = suite.write(body).run().returncode
        return code, *compare(suite)

    assert suite.write("").folder and night()[0] == 0
    command = [sys.executable, "-m", "harness.cli", "baseline", "--results", "results"]
    made = subprocess.run(command, cwd=suite.folder, timeout=120, check=False)
    assert made.returncode == 0 and night()[:2] == (0, 0)

    code, red, says = night(effect="x if x > 1.5 else -x")  # a sign, in what was trained and not in the plant
    assert (code, red) == (1, 1) and "FLIP toy/rises [tiny]: supported -> refuted" in says
    assert "again     pytest suites/ -m \"claim(id='rises')\" --claim-scale tiny" in says

    code, red, says = night(effect="abs(x) + 1.0")  # what told the effect from its null: pytest lets it pass, the baseline does not
    assert (code, red) == (0, 1) and "supported -> inconclusive (null explains it)" in says

    code, red, says = night(body=BODY.replace("above(0.5)", "above(0.05)"))  # a bound
    assert (code, red) == (1, 3) and "SPEC toy/rises: version 1 in both" in says

    assert night()[:2] == (0, 0)  # all restored

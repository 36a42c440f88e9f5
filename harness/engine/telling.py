"""What a failed claim's assertion says: all the numbers (harness.report.failure), and the command that measures it again."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict

from harness.claims import Claim, Verdict
from harness.engine import arms, plan
from harness.engine.settings import Settings
from harness.report.failure import failure_text


def failure(claim: Claim, row: dict, verdict: Verdict, values: Sequence[dict], settings: Settings) -> str:
    """The text of a claim that failed.

    Args:
        row: of table claims; values: of table measurements, those of earlier sessions that were judged with it among them.
    """
    trained = [arm for arm in plan.arms_of(claim) if arm not in arms.SYNTHETIC]
    return failure_text(row, asdict(verdict), values, arms=trained, command=command(claim, row["nodeid"], settings))


def command(claim: Claim, nodeid: str, settings: Settings) -> str:
    """A pytest call for this claim alone, on the seeds of this session, which are told since evidence mode draws them."""
    words = ["pytest", nodeid, "-m", "claim"]
    if settings.own:
        words += ["--claim-base", settings.own.base]
        for seed in range(settings.own.replicates):
            words += [word for arm in settings.own.arms for word in ("--claim-tuned", f"{arm}={settings.own.path(arm, seed)}")]
        words += ["--claim-where", settings.own.where] if settings.own.where else []
    else:
        seeds = settings.replicates_of(claim)
        words += ["--claim-seeds", str(len(seeds)), "--claim-seed-base", str(seeds[0])]
    words += ["--claim-model", settings.model] if settings.model else []
    words += ["--claim-device", settings.device] if settings.device != "cpu" else []
    words += ["--claim-nightly"] if settings.nightly else []
    return shlex.join(words)

"""A user's own checkpoints as a scale: what was given, and which claims it suffices for. No torch until a file is opened.

    --claim-base BASE --claim-tuned rlvr=RUN1 --claim-tuned rlvr=RUN2 --claim-tuned sft=OTHER1 --claim-tuned sft=OTHER2

A replicate is one checkpoint of each arm, paired in the order given. Nothing is trained and nothing answers: a claim is judged if
its body is made of weights that are at hand, and skipped with what is missing otherwise. A noise floor is the one control that
may be missing: without it a claim is measured, and can then be inconclusive at best.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from harness.claims import Claim
from harness.claims.names import unknown
from harness.engine import arms, plan
from harness.errors import HarnessError, ModelError

if TYPE_CHECKING:
    from harness.models.pair import Pair

WEIGHTS = ("base", "rng")
"""What a body may ask for beside arms where only weights are at hand."""


@dataclass(frozen=True)
class Own:
    """A base and what was tuned from it.

    Attributes:
        base: path as given.
        tuned: (arm, its checkpoints' paths as given), every arm with as many.
        where: regular expression on the names of matrices; None takes all.
    """

    base: str
    tuned: tuple[tuple[str, tuple[str, ...]], ...]
    where: str | None = None

    @property
    def replicates(self) -> int:
        """Checkpoints of each arm, the n of every test."""
        return len(self.tuned[0][1])

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms that have checkpoints, in the order given."""
        return tuple(arm for arm, _ in self.tuned)

    def path(self, arm: str, seed: int) -> str:
        """The checkpoint of an arm in one replicate."""
        return dict(self.tuned)[arm][seed]

    def unmet(self, claim: Claim) -> str | None:
        """Why these checkpoints do not suffice to judge the claim, as a sentence; None if they do."""
        others = [name for name in claim.arms if not arms.is_arm(name) and name not in WEIGHTS]
        if not others and not any(arms.is_arm(name) or name == "base" for name in claim.arms):
            return "takes no arm: nothing in it depends on your checkpoints"
        if "models" in others:
            return "needs models that answer (models): only weights are at hand"
        if others:
            return f"needs {others[0]}: only weights are at hand"
        missing = self._missing(self.measurable(claim))
        return f"needs the arm{'s' * (len(missing) > 1)} {' and '.join(missing)}: give {_options(missing)}" if missing else None

    def measurable(self, claim: Claim) -> Claim:
        """The claim without its noise floor where no checkpoint stands for the twin."""
        return replace(claim, floor=None) if self._twins(claim) else claim

    def no_floor(self, claim: Claim) -> str | None:
        """That the noise floor of a claim is missing, and how it is had."""
        twins = self._twins(claim)
        return f"no noise floor, without which a claim is neither supported nor refuted: give {_options(twins)}" if twins else None

    def unused(self, claims: Iterable[Claim]) -> list[str]:
        """That arms were given which none of these claims takes; empty if all are taken."""
        taken = {arm for claim in claims for arm in plan.arms_of(claim)}
        idle = [arm for arm in self.arms if arm not in taken]
        return [f"no claim that was selected takes {', '.join(idle)}: --claim-nightly selects more of them"] if idle else []

    def _missing(self, claim: Claim) -> list[str]:
        return [arm for arm in plan.arms_of(claim) if arm not in arms.SYNTHETIC and arm not in self.arms]

    def _twins(self, claim: Claim) -> list[str]:
        swapped = claim.floor.args if claim.floor and claim.floor.name == "swap" else ()
        return [str(other) for _, other in swapped if other not in arms.SYNTHETIC and other not in self.arms]

    def pairs(self) -> "dict[tuple[str, int], Pair]":
        """(arm, replicate) -> the base with that checkpoint; headers are read, no weights.

        Raises:
            ModelError: a side cannot be read, or a pair shares no matrix.
        """
        from harness.models.pair import Pair

        places = [(arm, seed) for arm in self.arms for seed in range(self.replicates)]
        return {place: Pair(self.base, self.path(*place), where=self.where) for place in places}

    def check(self) -> None:
        """Open every checkpoint before anything is measured.

        Raises:
            ModelError: as `pairs`; no matrix is in all pairs, or a checkpoint is its base.
        """
        from harness.models import selection

        pairs = self.pairs()
        shared = selection.common(list(pairs.values()))
        for (arm, seed), pair in pairs.items():
            if not any(selection.moved(pair, entry) for entry in shared):
                raise ModelError(
                    f"{self.path(arm, seed)} equals {self.base} in every matrix that is compared: give a checkpoint that was "
                    "trained, or another --claim-where."
                )


def read(base: str | None, tuned: Sequence[str] | None, where: str | None) -> Own | None:
    """What --claim-base, --claim-tuned and --claim-where say; None where none of them is given.

    Raises:
        HarnessError: they do not fit together, or one is malformed; one sentence.
    """
    if base is None and not tuned and where is None:
        return None
    if base is None:
        option = "--claim-tuned" if tuned else "--claim-where"
        raise HarnessError(f"{option} needs the checkpoint that was tuned; add --claim-base PATH")
    if not tuned:
        raise HarnessError("--claim-base needs checkpoints that were tuned from it; add --claim-tuned ARM=PATH, such as rlvr=runs/a")
    _exists("--claim-base", base)
    given: dict[str, list[str]] = {}
    for text in tuned:
        arm, path = _arm_and_path(text)
        given.setdefault(arm, []).append(path)
    _refuse_repeats([base, *(path for paths in given.values() for path in paths)])
    counts = {arm: len(paths) for arm, paths in given.items()}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{arm} has {count}" for arm, count in counts.items())
        raise HarnessError(f"--claim-tuned: replicates are paired in the order given, and {told}; give each arm the same number")
    _check_regex(where)
    return Own(base, tuple((arm, tuple(paths)) for arm, paths in given.items()), where)


def _arm_and_path(text: str) -> tuple[str, str]:
    arm, equals, path = text.partition("=")
    if not equals or not arm or not path:
        raise HarnessError(f"--claim-tuned {text}: write ARM=PATH, such as rlvr=runs/a")
    if arm in arms.SYNTHETIC:
        raise HarnessError(f"--claim-tuned {text}: {arm} is drawn here on the base; leave it out")
    if arm not in arms.trained():
        raise HarnessError(f"--claim-tuned {text}: {str(unknown('arm', arm, arms.trained())).rstrip('.')}")
    _exists(f"--claim-tuned {arm}", path)
    return arm, path


def _exists(option: str, path: str) -> None:
    if not Path(path).expanduser().exists():
        raise HarnessError(f"{option}: {path} does not exist; give a model folder, an adapter's folder or a file of weights")


def _refuse_repeats(paths: Sequence[str]) -> None:
    """The same checkpoint twice would be a replicate, or a twin, without any spread."""
    seen: set[Path] = set()
    for path in paths:
        place = Path(path).expanduser().resolve()
        if place in seen:
            raise HarnessError(f"--claim-tuned: {path} is given twice; every checkpoint is a run of its own")
        seen.add(place)


def _check_regex(where: str | None) -> None:
    try:
        re.compile(where or "")
    except re.error as error:
        raise HarnessError(f"--claim-where {where}: no regular expression ({error}); write it as in 'layers.1?.mlp'") from None


def _options(missing: Sequence[str]) -> str:
    return " and ".join(f"--claim-tuned {arm}=PATH" for arm in missing)

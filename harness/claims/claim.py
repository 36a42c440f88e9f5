"""A claim: one falsifiable sentence as frozen data, with everything that could change its verdict under one hash."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from harness.claims.aggregate import WITHIN, Replicate, replicate
from harness.claims.bounds import Bound
from harness.claims.controls import Control
from harness.claims.names import plain, unknown
from harness.errors import SpecError

SCALES = ("tiny", "small", "medium", "large")
OWN = "own"
"""The scale of checkpoints that a user brings: no claim is registered for it, so every expectation there is open."""

EXPECTATIONS = ("supported", "refuted", "inconclusive", "open")


@dataclass(frozen=True)
class Claim:
    """A registered claim. Made by `Paper.claim` from a body, or by `from_spec` from a stored spec.

    Args:
        paper, paper_title, arxiv: where it comes from.
        id: "<paper>/<claim>".
        says, source: the sentence, and its section or figure in the paper.
        metric: what the number is called in the store.
        bound, within: the region, and how matrices are reduced inside one replicate.
        arms: names that the body asks for, in order.
        nulls, plants, floor: controls. no_null, no_plant: why there is none.
        expect: (scale, expectation) pairs; these scales are those it is meant for.
        family, alpha, confirmatory: Holm is applied inside paper x scale x family, over confirmatory claims.
        needs: what a run must offer, else the claim is skipped with that reason.
        version, why: raised when the spec changes, with the reason; `why` stays out of the hash.
        nightly: needs more than the default session allows; judged only where asked for. Out of the hash, like `why`.
        seeds: fewest replicates it may be judged on, if more than two; a session measures at least as many.
        body_sha: hash of what the body computes (fingerprint.py).

    Raises:
        SpecError: one sentence, for anything that is malformed or contradicts itself.
    """

    paper: str
    paper_title: str
    arxiv: str
    id: str
    says: str
    source: str
    metric: str
    bound: Bound
    within: str
    arms: tuple[str, ...]
    nulls: tuple[Control, ...]
    plants: tuple[Control, ...]
    floor: Control | None
    expect: tuple[tuple[str, str], ...]
    family: str
    alpha: float
    needs: tuple[str, ...]
    version: int
    why: str
    seeds: int | None
    no_null: str
    no_plant: str
    confirmatory: bool
    nightly: bool
    body_sha: str

    def __post_init__(self) -> None:
        for check in (self._check_words, self._check_numbers, self._check_controls, self._check_expectations):
            check()

    def _fail(self, problem: str) -> SpecError:
        return SpecError(f"claim {self.id!r}: {problem}")

    def _check_words(self) -> None:
        paper, _, short = self.id.partition("/")
        plain("the paper id", paper)
        plain("the claim id", short)
        if paper != self.paper:
            raise self._fail(f"its id does not begin with its paper {self.paper!r}.")
        for field in ("says", "source", "metric", "family"):
            if not getattr(self, field):
                raise self._fail(f"{field}= must not be empty.")
        if self.within not in WITHIN:
            raise unknown("rule within a replicate", self.within, WITHIN)

    def _check_numbers(self) -> None:
        if not isinstance(self.bound, Bound):
            raise self._fail(f"bound= is made by below(), above(), equivalent() and so on, not {self.bound!r}.")
        if not 0.0 < self.alpha < 0.5:
            raise self._fail(f"alpha lies between 0 and 0.5, not {self.alpha!r}.")
        if not isinstance(self.version, int) or self.version < 1:
            raise self._fail(f"version is a whole number from 1, not {self.version!r}.")
        if self.version > 1 and not self.why:
            raise self._fail(f"version {self.version} must say in why= what changed and for what reason.")
        if self.seeds is not None and (not isinstance(self.seeds, int) or self.seeds < 1):
            raise self._fail(f"seeds is the fewest replicates it may be judged on, not {self.seeds!r}.")

    def _check_controls(self) -> None:
        for role, controls, excuse in (("null", self.nulls, self.no_null), ("plant", self.plants, self.no_plant)):
            if not controls and not excuse:
                raise self._fail(f"give a {role}, or say in no_{role}= why there is none.")
            if controls and excuse:
                raise self._fail(f"it has a {role}, so no_{role}= must be empty.")
        if self.floor is not None and self.bound.kind in ("fraction", "exact"):
            raise self._fail(f"{self.bound.kind}() counts replicates and has no noise floor: leave floor= out.")
        for control in self.controls:
            if control.name == "swap":
                for arm, other in control.args:
                    if arm not in self.arms:
                        raise self._fail(f"{control.label()} replaces {arm!r}, but its arms are {self.arms}.")
                    if not isinstance(other, str):
                        raise self._fail(f"{control.label()} must name another arm, not {other!r}.")
            elif control.name != "variant":
                if not self.arms:
                    raise self._fail(f"{control.label()} needs an arm to stand in for, but the body takes none.")
                if control.on not in (None, "*", *self.arms):
                    raise self._fail(f"{control.label()} stands in for {control.on!r}, but its arms are {self.arms}.")

    def _check_expectations(self) -> None:
        if not self.expect:
            raise self._fail("expect= must name at least one scale, such as {'tiny': 'open'}.")
        for scale, expectation in self.expect:
            if scale not in SCALES:
                raise unknown("scale", scale, SCALES)
            if expectation not in EXPECTATIONS:
                raise unknown("expectation", expectation, EXPECTATIONS)

    @property
    def controls(self) -> tuple[Control, ...]:
        """Nulls, plants and the floor, in this order."""
        return (*self.nulls, *self.plants, *((self.floor,) if self.floor else ()))

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales it is meant for, smallest first."""
        return tuple(sorted(dict(self.expect), key=SCALES.index))

    @property
    def adjusted(self) -> bool:
        """Whether it takes part in its family's Holm adjustment."""
        return self.confirmatory and self.bound.statistical

    def expected(self, scale: str) -> str | None:
        """The registered expectation at a scale; None if the claim is not meant for it."""
        return dict(self.expect).get(scale)

    def reduce(self, result: Any) -> Replicate:
        """What the body returned for one seed, as stored and judged. SpecError if it does not suit the bound."""
        try:
            return replicate(result, self.bound, self.within)
        except SpecError as error:
            raise self._fail(str(error)) from None

    def spec(self) -> dict[str, Any]:
        """All of it as plain JSON; `from_spec` restores an equal claim."""
        spec: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        spec["bound"] = self.bound.to_dict()
        spec["nulls"] = [control.to_dict() for control in self.nulls]
        spec["plants"] = [control.to_dict() for control in self.plants]
        spec["floor"] = self.floor.to_dict() if self.floor else None
        spec["expect"] = dict(self.expect)
        spec["arms"], spec["needs"] = list(self.arms), list(self.needs)
        return spec

    @classmethod
    def from_spec(cls, spec: Mapping[str, Any]) -> "Claim":
        """The claim of a stored spec; it can be judged without its body.

        Raises:
            SpecError: a field is missing or unknown (another version of the harness wrote it).
        """
        known = {field.name for field in fields(cls)}
        if set(spec) != known:
            missing, extra = sorted(known - set(spec)), sorted(set(spec) - known)
            raise SpecError(
                f"the stored spec of {spec.get('id', 'a claim')!r} does not fit this harness "
                f"(missing: {', '.join(missing) or 'none'}; unknown: {', '.join(extra) or 'none'}): use the version that wrote it."
            )
        values = dict(spec)
        values["bound"] = Bound.from_dict(spec["bound"])
        values["nulls"] = tuple(Control.from_dict(control) for control in spec["nulls"])
        values["plants"] = tuple(Control.from_dict(control) for control in spec["plants"])
        values["floor"] = Control.from_dict(spec["floor"]) if spec["floor"] else None
        values["expect"] = tuple(sorted(spec["expect"].items()))
        values["arms"], values["needs"] = tuple(spec["arms"]), tuple(spec["needs"])
        return cls(**values)

    @cached_property
    def sha(self) -> str:
        """16 hex digits over everything that could change a verdict: the whole spec but `why` and `nightly`."""
        spec = self.spec()
        del spec["why"], spec["nightly"]
        text = json.dumps(spec, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

"""A paper, and the decorator that turns a function into one of its claims."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from harness.claims import registry
from harness.claims.bounds import Bound
from harness.claims.claim import Claim
from harness.claims.controls import Control, Controls, as_controls
from harness.claims.fingerprint import body_sha
from harness.claims.names import plain
from harness.errors import SpecError

Body = TypeVar("Body", bound=Callable[..., Any])


@dataclass(frozen=True)
class Paper:
    """Where claims come from.

    Args:
        id: short name, used in claim ids, paths and `-m "claim(paper='...')"`.
        arxiv: arXiv number such as "2511.08567"; "" for claims that come from no paper.
        title: full title.
    """

    id: str
    arxiv: str
    title: str

    def __init__(self, id: str, *, arxiv: str, title: str) -> None:
        plain("the paper id", id)
        if arxiv and not re.fullmatch(r"\d{4}\.\d{4,5}", arxiv):
            raise SpecError(f"the arXiv number of {id!r} looks like 2511.08567, not {arxiv!r}.")
        if not title:
            raise SpecError(f"the paper {id!r} needs a title.")
        for field, value in (("id", id), ("arxiv", arxiv), ("title", title)):
            object.__setattr__(self, field, value)

    def claim(
        self,
        id: str,
        *,
        says: str,
        source: str,
        bound: Bound,
        within: str = "median",
        null: Controls = None,
        plant: Controls = None,
        floor: str | Control | None = None,
        expect: Mapping[str, str] | None = None,
        family: str = "main",
        alpha: float = 0.05,
        needs: str | Sequence[str] = (),
        version: int = 1,
        why: str = "",
        seeds: int | None = None,
        metric: str = "",
        no_null: str = "",
        no_plant: str = "",
        confirmatory: bool = True,
        nightly: bool = False,
    ) -> Callable[[Body], Body]:
        """Declare the decorated function as the body of a claim; it is returned unchanged, with `__claim__` set.

        The body measures one replicate. Its arguments without defaults are arms; those with defaults are what
        `variant(...)` may change. See Claim for the other arguments.

        Raises:
            SpecError: while the suite is imported; one sentence with the claim's id.
        """

        def declare(body: Body) -> Body:
            arms, options = _arguments(f"{self.id}/{id}", body)
            floors = as_controls(floor, "floor")
            if len(floors) > 1:
                raise SpecError(f"claim {self.id + '/' + id!r}: it has one noise floor, not {len(floors)}.")
            claim = Claim(
                paper=self.id,
                paper_title=self.title,
                arxiv=self.arxiv,
                id=f"{self.id}/{id}",
                says=says,
                source=source,
                metric=metric or id,
                bound=bound,
                within=within,
                arms=arms,
                nulls=as_controls(null, "null"),
                plants=as_controls(plant, "plant"),
                floor=floors[0] if floors else None,
                expect=tuple(sorted((expect if expect is not None else {"tiny": "open"}).items())),
                family=family,
                alpha=alpha,
                needs=(needs,) if isinstance(needs, str) else tuple(needs),
                version=version,
                why=why,
                seeds=seeds,
                no_null=no_null,
                no_plant=no_plant,
                confirmatory=confirmatory,
                nightly=nightly,
                body_sha=body_sha(body),
            )
            _check_variants(claim, options)
            code = body.__code__
            registry.register(self, claim, f"{code.co_filename}:{code.co_firstlineno}")
            body.__claim__ = claim  # type: ignore[attr-defined]
            return body

        return declare


def _arguments(id: str, body: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names of the body's arguments without and with defaults."""
    if not inspect.isfunction(body):
        raise SpecError(f"claim {id!r}: its body must be a plain function, not {body!r}.")
    parameters = inspect.signature(body).parameters.values()
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD, p.POSITIONAL_ONLY) for p in parameters):
        raise SpecError(f"claim {id!r}: its body must name its arguments, without *, ** or /.")
    arms = tuple(p.name for p in parameters if p.default is p.empty)
    return arms, tuple(p.name for p in parameters if p.default is not p.empty)


def _check_variants(claim: Claim, options: tuple[str, ...]) -> None:
    for control in claim.controls:
        for key, _ in control.args if control.name == "variant" else ():
            if key not in options:
                raise SpecError(
                    f"claim {claim.id!r}: {control.label()} sets {key!r}, but the body's arguments with defaults are {options}."
                )

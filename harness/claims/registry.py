"""The claims that were declared in this process, by id."""

from typing import TYPE_CHECKING

from harness.claims.claim import Claim
from harness.claims.names import unknown
from harness.errors import SpecError

if TYPE_CHECKING:
    from harness.claims.paper import Paper

_claims: dict[str, tuple[Claim, str]] = {}
_papers: dict[str, "Paper"] = {}


def register(paper: "Paper", claim: Claim, place: str) -> None:
    """Add a claim declared at `place` ("file:line").

    The same place again is a re-import and replaces the claim.

    Raises:
        SpecError: the id was declared at another place, or the paper's id with another title or arXiv number.
    """
    known = _papers.get(paper.id)
    if known is not None and known != paper:
        raise SpecError(f"the paper {paper.id!r} is declared in two ways, as {known} and as {paper}: declare it once.")
    if claim.id in _claims and _claims[claim.id][1] != place:
        raise SpecError(f"the claim {claim.id!r} is declared twice, at {_claims[claim.id][1]} and at {place}: rename one.")
    _papers[paper.id] = paper
    _claims[claim.id] = (claim, place)


def all_claims() -> tuple[Claim, ...]:
    """Every declared claim, sorted by id."""
    return tuple(_claims[id][0] for id in sorted(_claims))


def papers() -> dict[str, "Paper"]:
    """Papers that have at least one declared claim, by id."""
    return dict(sorted(_papers.items()))


def find(id: str) -> Claim:
    """The claim "<paper>/<claim>". SpecError with the nearest known id otherwise."""
    if id in _claims:
        return _claims[id][0]
    paper = id.partition("/")[0]
    if "/" in id and paper not in _papers:
        find_paper(paper)
    raise unknown("claim", id, _claims)


def find_paper(id: str) -> "Paper":
    """The paper with this id. SpecError with the nearest known id otherwise."""
    if id not in _papers:
        raise unknown("paper", id, _papers)
    return _papers[id]


def clear() -> None:
    """Forget all claims and papers (for tests)."""
    _claims.clear()
    _papers.clear()

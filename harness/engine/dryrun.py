"""`--claim-plan`: what judging the selected claims would train, what the cache has already, what the rest costs."""

from collections.abc import Sequence

from harness.claims import Claim
from harness.engine import plan
from harness.engine.settings import Settings
from harness.training import cache, recipes


def lines(cells: Sequence[tuple[Claim, str]], settings: Settings) -> list[str]:
    """The plan as text.

    Args:
        cells: claims with the scale each is to be judged at.
        settings: seeds and device of the session.
    """
    wanted: dict[plan.Need, None] = {}
    skipped: list[str] = []
    for claim, scale in cells:
        reason = plan.unmet(claim, scale, device=settings.device, own=settings.own)
        if reason:
            skipped.append(f"skip {claim.id} [{scale}]: {reason}")
            continue
        wanted.update(dict.fromkeys(plan.needs(claim, scale, settings.replicates_of(claim))))
    missing = {plan.Need(r.arm, r.scale, r.seed) for r in cache.missing(cache.Request(n.arm, n.scale, n.seed) for n in wanted)}
    seconds = {cell: recipe.cost_s for cell, recipe in recipes.RECIPES.items()}
    more = sum(len(settings.replicates_of(claim)) > settings.seeds for claim, _ in cells)
    head = f"{len(cells)} claims x {settings.seeds} seeds, {len(skipped)} skipped" + (f", {more} on more seeds" if more else "")
    table = plan.describe(list(wanted), set(wanted) - missing, seconds)
    return [head, *skipped, *table.splitlines()]

"""Where the arguments of a claim's body come from on a user's own checkpoints: an arm was given, or is made on the base.

One set of matrices serves all arms and replicates (harness.models.selection): what two changes are compared in must be the same.
"""

from collections.abc import Iterable
from functools import cached_property, lru_cache
from math import prod

from harness.claims import OWN, Claim
from harness.engine import arms, plan
from harness.engine.lab import Lab
from harness.engine.own import Own
from harness.engine.weights_only import WeightsOnly
from harness.models import selection
from harness.models.adapter_base import other_base
from harness.models.fingerprint import fingerprint
from harness.models.pair import Pair
from harness.spectra import Change
from torch import Tensor

HALF = ("bfloat16", "float16")
HELD, NAMED = 2, 3
"""Changes kept between calls, as many as a contrast has (a real one takes a gigabyte); names given of what is not compared."""


class OwnLab(Lab):
    """A laboratory that trains nothing.

    Args:
        own: the base and its tuned checkpoints.
        device: for Lab; measures run on the CPU.
    """

    def __init__(self, own: Own, *, device: str = "cpu"):
        super().__init__(OWN, device=device, model=own.base)
        self._own = own
        self.change = lru_cache(maxsize=HELD)(self._change)

    @cached_property
    def _pairs(self) -> dict[tuple[str, int], Pair]:
        return self._own.pairs()

    @cached_property
    def _selected(self) -> selection.Selection:
        return selection.select(list(self._pairs.values()))

    @property
    def dtype(self) -> str:
        """How the tuned checkpoints are stored; several dtypes with a slash between."""
        return "/".join(sorted({dtype for dtypes in self._stored.values() for dtype in dtypes}))

    def ensure(self, needs: Iterable[plan.Need]) -> None:
        """Nothing to train."""

    def run_keys(self, claim: Claim, seed: int) -> list[str]:
        """The checkpoints that the claim's arms rest on, each as path@fingerprint."""
        paths = [self._own.path(arm, seed) for arm in plan.arms_of(claim) if arm in self._own.arms]
        return [f"{path}@{fingerprint(path)}" for path in paths]

    def notes(self, claim: Claim) -> list[str]:
        """Adapters of another base, matrices left out, what a 16-bit file cannot show, and a noise floor that is missing."""
        others = [self._others[path] for path in self._paths(claim) if path in self._others]
        found = [*others, self._sampled(), self._unmoved(), self._unmatched(), self._half(claim), self._own.no_floor(claim)]
        return [note for note in found if note]

    @cached_property
    def _others(self) -> dict[str, str]:
        """Path of an adapter that says it is of another base -> the sentence."""
        paths = [self._own.path(*place) for place in self._pairs]
        return {path: said for path in paths if (said := other_base(self._own.base, path))}

    def _paths(self, claim: Claim) -> list[str]:
        arms_given = [arm for arm in plan.arms_of(claim) if arm in self._own.arms]
        return [self._own.path(arm, seed) for arm in arms_given for seed in range(self._own.replicates)]

    def _change(self, arm: str, seed: int) -> Change | WeightsOnly:
        if arm in arms.SYNTHETIC:
            return super()._change(arm, seed)
        path = self._own.path(arm, seed)
        tuned = {entry.name: w1 for entry, _, w1 in self._read((arm, seed))}
        fields = {"label": arm, "arm": arm, "seed": seed, "run_keys": (f"{path}@{fingerprint(path)}",)}
        return WeightsOnly(Change.from_weights(self.base(seed), tuned, **fields), arm)

    def _load_base(self, seed: int) -> dict[str, Tensor]:
        return {entry.name: w0.float() for entry, w0, _ in self._read(next(iter(self._pairs)))}

    def _read(self, which: tuple[str, int]):
        pair, wanted = self._pairs[which], {entry.name for entry in self._selected.entries}
        return pair.read([entry for entry in pair.entries if entry.name in wanted])

    @cached_property
    def _stored(self) -> dict[str, set[str]]:
        """arm -> dtypes in which its selected matrices are stored."""
        wanted = {entry.name for entry in self._selected.entries}
        found: dict[str, set[str]] = {}
        for (arm, _), pair in self._pairs.items():
            found.setdefault(arm, set()).update(entry.tuned_dtype for entry in pair.entries if entry.name in wanted)
        return found

    def _sampled(self) -> str:
        chosen = self._selected
        if not chosen.left:
            return ""
        held = sum(prod(entry.shape) for entry in chosen.entries)
        return (
            f"a sample of {len(chosen.entries)} of {chosen.common} matrices, spread over modules and layers "
            f"({held / 1e6:.0f} million weights; {selection.LIMIT / 1e6:.0f} fit): choose others with --claim-where"
        )

    def _unmoved(self) -> str:
        chosen = self._selected
        looked = chosen.common - chosen.left
        return f"{chosen.unmoved} of {looked} matrices left out: a checkpoint has them as the base does" if chosen.unmoved else ""

    def _unmatched(self) -> str:
        lost = list(dict.fromkeys(
            name
            for pair in self._pairs.values()
            for name in (*pair.unmatched.base_only, *pair.unmatched.tuned_only, *pair.unmatched.other_shape)
        ))  # fmt: skip
        some = ", ".join(lost[:NAMED]) + ", ..." * (len(lost) > NAMED)
        return f"not compared, since one side lacks them or has another shape: {some} ({len(lost)} in all)" if lost else ""

    def _half(self, claim: Claim) -> str:
        told = [arm for arm in plan.arms_of(claim) if self._stored.get(arm, set()) & set(HALF)]
        if not told:
            return ""
        return (
            f"stored in 16 bits: {', '.join(told)}; what moved by less than their rounding is equal there, so that a claim "
            "about fp32 is one about what was stored"
        )

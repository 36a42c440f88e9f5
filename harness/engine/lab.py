"""Where the arguments of a claim's body come from, at one scale: runs, synthetic arms, controls, generators.

Randomness is addressed, not drawn from a stream: a generator's seed is the hash of what it is for (claim, role,
control, arm, replicate). So a value does not depend on which claim was measured before, or in which process.
"""

import hashlib
from collections.abc import Callable, Iterable
from functools import lru_cache

from harness import nulls
from harness.claims import Claim, Control
from harness.engine import arms, plan
from harness.engine.families import Family
from harness.engine.language import LanguageRuns
from harness.engine.policies import Policies
from harness.errors import SpecError
from harness.models import scales
from harness.models.handle import Handle
from harness.spectra import Change
from harness.training import cache, recipes
from torch import Generator, Tensor


FIRST = 0


class Lab:
    """Arms, bases and generators of one scale.

    `waited_s` counts the seconds in which another process was training what this one needs.

    Args:
        scale: name in harness.models.scales, or "custom:<folder name>".
        device: where models are trained and evaluated; measures run on the CPU.
        model: local folder or hub id that stands in as the base of a custom scale.
        progress: called with a dict (arm, seed, step, ...) while something trains.
    """

    def __init__(self, scale: str, *, device: str = "cpu", model: str | None = None, progress: Callable | None = None):
        self.scale = scale
        self.device = device
        self.spec = scales.custom(model) if model else scales.get(scale)
        self.progress = progress
        self.model_name = self.spec.model_id
        self.run = lru_cache(maxsize=None)(self._run)
        # a tiny change takes 3 MB with its trajectory, a real one 470: those are read again, their spectra are remembered
        self.change = lru_cache(maxsize=64 if self.spec.source == "config" else 4)(self._change)
        self.family = lru_cache(maxsize=2)(self._family)
        self.waited_s = 0.0
        self._bases: dict[int, dict[str, Tensor]] = {}

    @property
    def dtype(self) -> str:
        """How the weights of arms are stored."""
        return "float32"

    def ensure(self, needs: Iterable[plan.Need]) -> None:
        """Train what the cache lacks; runs that another process is training are waited for."""
        requests = [cache.Request(need.arm, need.scale, need.seed) for need in needs]
        cache.ensure_all(requests, progress=self.progress, device=self.device, waited=self._wait)

    def _wait(self, seconds: float) -> None:
        self.waited_s += seconds

    def base(self, seed: int) -> dict[str, Tensor]:
        """The base model's judged matrices, name -> (m, n) fp32; one real model serves every seed."""
        key = seed if self.spec.source == "config" else -1
        if key not in self._bases:
            self._bases[key] = self._load_base(seed)
        return self._bases[key]

    def arguments(self, claim: Claim, seed: int, control: Control | None, *, purpose: str) -> dict[str, object]:
        """What the body is called with: its arms and helpers, replaced as the control says."""
        names = list(claim.arms)
        swap = dict(control.args) if control and control.name == "swap" else {}
        given: dict[str, object] = {}
        for name in names:
            if arms.is_arm(name):
                given[name] = self.change(str(swap.get(name, name)), seed)
            elif name in arms.FAMILIES:
                given[name] = self.family(str(swap.get(name, name)), seed)
            elif name == "base":
                given[name] = self.base(seed)
            elif name == "rng":
                given[name] = generator(purpose, seed)
        as_trained = [each for name, each in given.items() if arms.is_arm(name)]
        if "models" in names:
            given["models"] = Policies(self, seed, as_trained)
        if "lm" in names:
            given["lm"] = LanguageRuns(self, seed, as_trained)
        if control and control.name not in ("variant", "swap"):
            for name in self._targets(claim, control, given):
                draw = generator(f"{purpose}|{name}", seed)
                given[name] = nulls.apply(control.name, given[name], draw, **dict(control.args))
        return given

    def run_keys(self, claim: Claim, seed: int) -> list[str]:
        """Hashes of the runs that the claim's arms rest on."""
        trained = [name for name in plan.arms_of(claim) if name not in arms.SYNTHETIC]
        return [self.run(name, seed).key for name in trained]

    def notes(self, claim: Claim) -> list[str]:
        """What a reader must know about how this claim was measured here, a sentence each."""
        return []

    def _targets(self, claim: Claim, control: Control, given: dict[str, object]) -> list[str]:
        present = [name for name in given if arms.is_arm(name)]
        if not present:
            raise SpecError(f"claim {claim.id}: {control.label()} replaces an arm, but the body has none; use variant(...)")
        if control.on == "*":
            return present
        target = control.on or present[0]
        if target not in present:
            raise SpecError(f"claim {claim.id}: {control.label()} is put on {target!r}, which is not an argument of the body")
        return [target]

    def _run(self, arm: str, seed: int):
        return cache.load(cache.Request(arm, self.scale, seed))

    def _change(self, arm: str, seed: int) -> Change:
        if arm in arms.SYNTHETIC:
            made = arms.SYNTHETIC[arm]
            arguments = dict(made.arguments)
            if made.drawn:
                arguments["generator"] = generator(f"arm|{arm}|{self.scale}", seed)
            elif self.spec.source != "config" and seed != FIRST:
                return self.change(arm, FIRST)  # one base and no draw: one update, whose spectra are computed once
            return getattr(nulls, made.maker)(self.base(seed), **arguments)
        if recipes.get(arm, self.scale) is None:
            raise SpecError(f"scale {self.scale} has no recipe for the arm {arm!r}")
        return self.run(arm, seed).change()

    def _family(self, name: str, seed: int) -> Family:
        return Family([self.run(arm, seed) for arm in arms.FAMILIES[name]])

    def _load_base(self, seed: int) -> dict[str, Tensor]:
        if self.spec.source == "config":
            return self.run("pretrain", seed).matrices(-1)
        return Handle(self.spec).matrices()


def generator(purpose: str, seed: int) -> Generator:
    """A generator whose stream belongs to this purpose and replicate alone."""
    digest = hashlib.sha256(f"{purpose}|{seed}".encode()).digest()
    return Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)

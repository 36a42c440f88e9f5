"""The settings of isospectral training, as frozen data, and the methods that have a name.

A weight W = U diag(s) V^T with orthonormal frames U (m, q), V (n, q), q = min(m, n), is trained by its frames at fixed s, or,
as the control, by s at fixed frames. An Isospectral turns into plain values (`plain`) and back, because what is in a checkpoint
must load with weights_only.

    {"params": matrices, **iso_preset("iso", retraction="polar")}

Source: ISO 2607.19331, Eq. 30-35; its code is not released. "iso" is its algorithm, with another way to the polar factor.
Trap: an AdamW rate moves W by 1.0 - 1.3 lr sqrt(max(m, n)) of its own norm here, and by lr / rms(entries of W) there: at one
rate the step is 1.0 - 1.3 sigma_rms times AdamW's, sigma_rms = |W|_F / sqrt(q). So a grid is centred on AdamW's rate over
sigma_rms; for spectrum-only, whose step is lr sqrt(q), on AdamW's times sqrt(max(m, n)); iso-muon's rate is a turn in radians.
Trap: entry by entry, AdamW makes a Euclidean gradient that is normal to the constraint a step that is not: at the best W of its
spectrum it does not stand still. A Riemannian gradient is 0 there.
Trap: where a singular value repeats, its vectors are LAPACK's choice, and AdamW's steps depend on it; SGD's and Muon's do not.
"""

from dataclasses import asdict, dataclass, replace
from types import MappingProxyType
from typing import Any

from harness.errors import SpecError
from harness.optimizers.base_rules import BASES
from harness.optimizers.retractions import MENDING, RETRACTIONS

TRAINED = ("frames", "spectrum")
GRADIENTS = ("euclidean", "riemannian")
STRUCTURE = ("base", "train")
"""Fields that decide which tensors a state holds; a checkpoint of other ones cannot be resumed."""


@dataclass(frozen=True)
class Isospectral:
    """How the 2-D parameters of a group are stepped.

    Attributes:
        base: rule on each frame, with moments of its own: "sgd", "adamw" or "muon" (base_rules.py).
        gradient: what the rule sees: the "euclidean" gradient of the frame, as in the paper, or its tangent part.
        transport: the first moment is projected onto the tangent space of the new frame after every step.
        retraction: one of retractions.RETRACTIONS. "polar" is the paper's, "newton-schulz" the same to 1e-6 (fp64: 1e-13).
        iterations: of Newton-Schulz at most; None: as many as that takes.
        block: rows of a block of "block-cayley"; the permutation is new at every step.
        tighten: steps between two looks at the frames of a Cayley retraction, which are mended where rounding has added up;
            None: never.
        momentum: of sgd and muon; adamw takes the group's betas.
        train: "frames", or "spectrum": the control that moves s alone.
    """

    base: str = "adamw"
    gradient: str = "euclidean"
    transport: bool = False
    retraction: str = "newton-schulz"
    iterations: int | None = None
    block: int = 32
    tighten: int | None = 16
    momentum: float = 0.9
    train: str = "frames"

    def __post_init__(self) -> None:
        def require(holds: bool, sentence: str) -> None:
            if not holds:
                raise SpecError(f"an isospectral optimizer cannot be set up: {sentence}.")

        known = dict(base=BASES, gradient=GRADIENTS, retraction=RETRACTIONS, train=TRAINED, transport=(False, True))
        for name, values in known.items():
            value = getattr(self, name)
            require(value in values, f"{name} {value!r} is not known; use {', '.join(map(str, values))}")
        for name in ("iterations", "block", "tighten"):
            value = getattr(self, name)
            whole = isinstance(value, int) and not isinstance(value, bool)
            fine = (value is None and name != "block") or (whole and value >= 1)
            require(fine, f"{name} {value!r} must be a whole number of at least 1{'' if name == 'block' else ', or None'}")
        require(0.0 <= self.momentum < 1.0, f"momentum {self.momentum} must lie in [0, 1)")
        remembers = self.base != "sgd" or self.momentum > 0.0
        require(remembers or not self.transport, "without momentum there is nothing to transport")
        require(self.iterations is None or self.retraction == "newton-schulz", f"{self.retraction!r} has no iterations")
        frames_alone = self.train == "frames" or (self.gradient == "euclidean" and not self.transport)
        require(frames_alone, "a spectrum is a flat space: its gradient has no tangent part, and nothing is transported")

    def plain(self) -> dict:
        """The fields by name: what a parameter group, and so a checkpoint, holds."""
        return asdict(self)

    def tightens(self, step: int) -> bool:
        """Whether frames are looked at after step 1, 2, ..."""
        return self.retraction not in MENDING and self.tighten is not None and step % self.tighten == 0


ISO_PRESETS = MappingProxyType(
    {
        "iso": Isospectral(),
        "iso-muon": Isospectral(base="muon", momentum=0.95),  # torch's
        "spectrum-only": Isospectral(train="spectrum"),
    }
)


def iso_preset(name: str, **changes: Any) -> dict[str, Isospectral]:
    """Options of a parameter group for a named method; rates and betas are set beside them.

    Args:
        name: one of ISO_PRESETS.
        changes: fields of the Isospectral to set otherwise, e.g. base="sgd".

    Raises:
        SpecError: the name is unknown, or a changed field is.
    """
    if name not in ISO_PRESETS:
        raise SpecError(f"there is no isospectral method {name!r}: use one of {', '.join(ISO_PRESETS)}.")
    odd = sorted(set(changes) - set(ISO_PRESETS[name].plain()))
    if odd:
        raise SpecError(f"an isospectral method has no setting {', '.join(odd)}: lr, betas and eps are set beside it.")
    return {"iso": replace(ISO_PRESETS[name], **changes)}

"""The settings of the family of subspace optimizers, as frozen data.

A gradient is looked at with its projected side first: G (a, b), transposed where the other side is projected. Every step is

    every T steps   P (a, r) from `projector`, moments carried over as `moments` says
    R = P^T G (r, b);   M, V the moments of R;   N = M / (sqrt(V) + eps)
    U from N, P, R and G by `update`, kept from growing too fast by `limiter`
    W <- W - lr U

so GaLore, APOLLO, Fira, FLORA, GoLore, SARA, LDAdam, Q-GaLore, CoSO and ReLoRA are choices of the four (`presets.py`); the
other fields are what single papers add. A Subspace turns into plain values (`plain`) and back, because what is in a checkpoint
must load with weights_only.
Trap: T counts from the first step: refreshes fall on steps 1, T + 1, 2 T + 1, ... (galore-torch; pytorch_optimizer is one off).
"""

from dataclasses import asdict, dataclass

from harness.errors import SpecError

PROJECTORS = ("svd", "sara", "stiefel", "gaussian", "power")
RANDOM = ("stiefel", "gaussian")
MOMENTS = ("keep", "rotate", "reset")
UPDATES = ("back", "channel", "tensor", "residual")
SIDES = ("smaller", "left", "right")
ADAMS = ("huggingface", "torch")
SECONDS = ("adam", "factored", "none")
STRUCTURE = ("rank", "side", "second", "feedback", "bits", "sketch", "recompute", "limiter")
"""Fields that decide which tensors a state holds; a checkpoint of other ones cannot be resumed."""


@dataclass(frozen=True)
class Subspace:
    """How the 2-D parameters of a group are stepped.

    Attributes:
        rank: r, from 1 to the projected dimension of every 2-D parameter of the group.
        projector: how P is chosen: "svd" the leading left singular vectors of G, "sara" sampled by singular value, "stiefel"
            uniform orthonormal, "gaussian" entries N(0, 1/r), "power" one power iteration from the last P.
        refresh: T, steps from one P to the next; None keeps the first for good.
        moments: at a refresh they are kept as they are, rotated into the new subspace, or reset (see `reset_share`).
        update: "back" scale P N; "channel" and "tensor" the raw G scaled by column or as a whole, times sqrt(scale); "residual"
            back plus the scaled part of G outside the subspace.
        limiter: largest growth of the update's norm from one step to the next, 1.01 in the papers; None: none.
        scale: alpha of GaLore and Fira; of APOLLO, which takes its root.
        side: which side of the weight is projected: the "smaller" (the columns of a square one), or always "left" (rows) or
            "right" (columns).
        adam: "huggingface" adds eps before the correction of bias and decays weights after the step, "torch" the other way
            round. The papers' codes differ in it.
        second: second moment: "adam" that of R, "factored" Adafactor's row and column means of G, which divide before the
            projection, or "none" (momentum alone, without correction of bias).
        exact: "svd" by LAPACK's full SVD with its signs, as galore-torch; costs four to ten times as much.
        limiter_after_scale: sqrt(scale) is applied before the limiter (APOLLO's scale_front).
        late_projector, late_from: another projector from this step on (GoLore).
        mix: LDAdam's rho: weight of the lifted first moment in what "power" iterates on; G has the rest.
        feedback: what projections drop is added to the next gradient (LDAdam); costs a tensor of the weight's size.
        bits: P is stored in 4 or 8 bits, in groups of 256 (Q-GaLore); None: as it is.
        sketch: rows of the sketch of a task's gradients (CoSO); 0: none. With it, updates avoid the subspaces of ended tasks.
        sketch_rank: r2, rank of the part of each gradient that the sketch takes in (CoSO); 0: what lies in P.
        reset_share: share of each moment that a reset sets to 0, the smallest entries.
        restart_warmup: steps over which the step length rises linearly after each refresh but the first (ReLoRA).
        recompute: a random P is drawn anew from its seed at every step in place of being stored.
    """

    rank: int
    projector: str = "svd"
    refresh: int | None = 200
    moments: str = "keep"
    update: str = "back"
    limiter: float | None = None
    scale: float = 1.0
    side: str = "smaller"
    adam: str = "huggingface"
    second: str = "adam"
    exact: bool = False
    limiter_after_scale: bool = False
    late_projector: str | None = None
    late_from: int = 0
    mix: float = 0.0
    feedback: bool = False
    bits: int | None = None
    sketch: int = 0
    sketch_rank: int = 0
    reset_share: float = 1.0
    restart_warmup: int = 0
    recompute: bool = False

    def __post_init__(self) -> None:
        def require(holds: bool, sentence: str) -> None:
            if not holds:
                raise SpecError(f"a subspace optimizer cannot be set up: {sentence}.")

        known = dict(projector=PROJECTORS, moments=MOMENTS, update=UPDATES, side=SIDES, adam=ADAMS, second=SECONDS,
                     late_projector=(None, *PROJECTORS), bits=(None, 4, 8))  # fmt: skip
        for name, values in known.items():
            value = getattr(self, name)
            require(value in values, f"{name} {value!r} is not known; use {', '.join(map(str, values))}")
        require(_whole(self.rank) and self.rank >= 1, f"rank {self.rank!r} must be a whole number of at least 1")
        every = self.refresh is None or (_whole(self.refresh) and self.refresh >= 1)
        require(every, f"refresh interval {self.refresh!r} must be a whole number of at least 1, or None for never")
        require(self.limiter is None or self.limiter >= 1.0, f"limiter {self.limiter} lies below 1: every update would shrink")
        require(self.scale > 0.0, f"scale {self.scale} must lie above 0")
        require(0.0 <= self.mix < 1.0, f"mix {self.mix} must lie in [0, 1)")
        require(0.0 < self.reset_share <= 1.0, f"reset_share {self.reset_share} must lie in (0, 1]")
        require(self.restart_warmup >= 0 and self.late_from >= 0 and self.sketch >= 0, "a number of steps or rows is negative")
        require(self.second == "adam" or self.update == "back", f"update {self.update!r} needs the second moment of Adam")
        require(self.second == "adam" or not self.feedback, "error feedback needs the second moment of Adam")
        drawn = {self.projector, self.late_projector} - {None}
        require(not self.recompute or drawn <= set(RANDOM), f"only a random P can be recomputed, not {self.projector!r}")
        require(not self.recompute or self.bits is None, "a P that is recomputed is not stored, so bits has nothing to act on")
        require(self.sketch == 0 or self.sketch >= self.rank, f"a sketch of {self.sketch} rows is smaller than the rank")
        fits = _whole(self.sketch_rank) and 0 <= self.sketch_rank <= self.sketch
        require(fits, f"sketch_rank {self.sketch_rank!r} must be a whole number from 0 to the {self.sketch} rows of its sketch")
        require(not (self.bits and self.sketch), "a P in bits does not stay off the subspaces that a sketch protects")
        require(not self.exact or "svd" in drawn, f"exact is for projector 'svd', not {self.projector!r}")

    def plain(self) -> dict:
        """The fields by name: what a parameter group, and so a checkpoint, holds."""
        return asdict(self)

    def flips(self, shape: tuple[int, int]) -> bool:
        """Whether columns are projected, so that G is the transposed gradient of a weight of this shape."""
        return self.side == "right" or (self.side == "smaller" and shape[0] >= shape[1])

    def oriented(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(a, b), the projected dimension first."""
        return (shape[1], shape[0]) if self.flips(shape) else (shape[0], shape[1])

    def due(self, step: int) -> bool:
        """Whether step 1, 2, ... begins with a new P."""
        return step == 1 if self.refresh is None else (step - 1) % self.refresh == 0

    def projector_at(self, step: int) -> str:
        """Name of the projector that a refresh at this step uses."""
        return self.late_projector if self.late_projector and step > self.late_from else self.projector

    def warmth(self, step: int) -> float:
        """Factor of the step length after a restart, in (0, 1]."""
        if not self.restart_warmup or self.refresh is None or step <= self.refresh:
            return 1.0
        return min(1.0, ((step - 1) % self.refresh + 1) / self.restart_warmup)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)

"""The Isospectral Optimizer: trains a matrix on the set of all matrices that have its singular values.

    from harness.optimizers import IsoOptimizer, iso_preset

    optimizer = IsoOptimizer([
        {"params": matrices, **iso_preset("iso"), "lr": 1e-3},
        {"params": others, "lr": 1e-3},                        # AdamW, as torch's
    ])

`iso_options.py` names the choices, `iso_step.py` is the step of a matrix, `iso_state.py` what is remembered of it. Parameters
that are not matrices, and groups without `iso`, take torch's AdamW. All gradients are checked before anything moves.
Source: ISO 2607.19331; sheet of the RLVR literature, sections 2.1-2.3.
Exactness: over 1000 steps singular values stay to 1e-13 of |s| in fp64, to 1e-6 in fp32. A bf16 weight is the rounding of the
fp32 product: the frames are as exact as ever, the stored entries 1.7e-3 off, its |s| 3e-4 at 48 x 32 and 1e-4 at 256 x 256, the
smallest singular value by 6 %. That is what bf16 does to any matrix, and it does not add up.
Cost: 1024 x 1024 on one thread 225 ms, with block-cayley 95, spectrum-only 50; AdamW .5 - 1.1, a product of that size 25. The
frames' two gradients and the weight are three such products, so no retraction brings a step near AdamW's. With the forward and
backward pass of 2048 tokens 2.4 times AdamW's (block-cayley 1.4), of 8192 1.4 (1.2). An SVD at first: .6 s, 2048 x 5632 20 s.
Trap: the weight is written anew from its frames at every step, so what else moves it in between is undone; `frames` tells
them. Load the weights before the first step.
Trap: weight decay would shrink the spectrum, and is refused where there are matrices.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache

import torch
from torch import Tensor, nn

from harness.errors import SpecError
from harness.optimizers import iso_state, plain_adamw
from harness.optimizers import state as states
from harness.optimizers.gradients import require_dense, require_finite
from harness.optimizers.iso_options import Isospectral
from harness.optimizers.iso_step import step_matrix


class IsoOptimizer(torch.optim.Optimizer):
    """See the top of the file.

    Args:
        params: parameters or groups, as of any torch optimizer. A group may have its own `iso`, `lr`, `betas`, ...
        lr: learning rate.
        betas, eps: of AdamW.
        weight_decay: decoupled, of what AdamW steps; 0 in a group with `iso` and a matrix.
        iso: of groups that name none; None is AdamW.
        seed: of the permutations of block-cayley.
        fused: as in torch.optim.AdamW.

    Raises:
        SpecError: an option is wrong, or a parameter is not of a real floating type.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        iso: Isospectral | None = None,
        seed: int = 0,
        fused: bool | None = None,
    ) -> None:
        self._index: dict[nn.Parameter, int] = {}
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, iso=iso, seed=seed, fused=fused)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict) -> None:
        """Add parameters; as torch's, with the options checked."""
        given = param_group.get("iso", self.defaults["iso"])
        options = Isospectral(**given) if isinstance(given, dict) else given
        if not isinstance(options, Isospectral | None):
            raise SpecError(f"the iso of a group must be an Isospectral or None, not {given!r}.")
        super().add_param_group({**param_group, "iso": options.plain() if options else None})
        _check_group(self.param_groups[-1], options, len(self._index))
        self._index = _numbered(self.param_groups)

    def __setstate__(self, state: dict) -> None:
        """What torch calls after a load, a copy and an unpickling."""
        super().__setstate__(state)
        self._index = _numbered(self.param_groups)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One step of every parameter that has a gradient.

        Raises:
            TrainingError: a gradient or a weight is not finite, and nothing was moved; or a step is not, see iso_step.py.
            SpecError: a gradient is sparse, a weight all zeros, or its shape has changed; nothing was moved.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, [p for p in group["params"] if p.grad is not None]) for group in self.param_groups]
        moving = [p for _, parameters in work for p in parameters]
        require_dense(moving, self._name)
        for p in moving:
            if self.state.get(p):
                states.check_shapes(p, self.state[p], self._name(p))
        require_finite(moving, self._name)
        for group, parameters in work:
            for p in parameters:
                self._prepare(group, p)
        for group, parameters in work:
            plain = [p for p in parameters if _options(group, p) is None]
            if plain:
                plain_adamw.step(plain, [self.state[p] for p in plain], group)
            for p in parameters:
                options = _options(group, p)
                if options is not None:
                    step_matrix(p, self.state[p], group, options, self._index[p])
        return loss

    @torch.no_grad()
    def frames(self, parameter: nn.Parameter) -> iso_state.Frames:
        """Copies of U, s and V of a matrix, as of its last step; before the first of the weight as it is.

        Raises:
            SpecError: the parameter has no frames: it is not a matrix of a group with `iso`.
        """
        group = next((g for g in self.param_groups if any(p is parameter for p in g["params"])), None)
        if group is None or _options(group, parameter) is None:
            raise SpecError("only a matrix of a group with `iso` has frames.")
        self._prepare(group, parameter)
        state = self.state[parameter]
        return iso_state.Frames(state["left"].clone(), state["spectrum"].clone(), state["right"].clone())

    def load_state_dict(self, state_dict: dict) -> None:
        """Resume; tensors are copied to where the parameters are, in the dtype they were saved in.

        Raises:
            SpecError: the checkpoint is of other options or parameters, or its frames were rounded; nothing was changed.
        """
        iso_state.check_groups(self.param_groups, state_dict["param_groups"])
        owners = [(group, p) for group in self.param_groups for p in group["params"]]
        ids = [number for group in state_dict["param_groups"] for number in group["params"]]
        saved = {}
        for (group, p), number in zip(owners, ids, strict=True):
            found = state_dict["state"].get(number)
            if found:
                states.check_shapes(p, found, self._name(p))
                if _options(group, p) is not None:
                    iso_state.check_frames(p, found, self._name(p))
                saved[p] = found
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for name in ("iso", "seed"):  # a checkpoint of torch.optim.AdamW has neither
                group.setdefault(name, None if name == "iso" else self.defaults[name])
            for p in group["params"]:
                if p in saved:
                    on_device = bool(group["fused"]) and _options(group, p) is None
                    self.state[p] = states.restored(saved[p], p.device, on_device)

    def _name(self, parameter: nn.Parameter) -> str:
        return f"parameter {self._index[parameter]}"

    def _prepare(self, group: dict, parameter: nn.Parameter) -> None:
        if not self.state.get(parameter):
            options = _options(group, parameter)
            made = (
                plain_adamw.fresh(parameter, group["fused"])
                if options is None
                else iso_state.fresh(parameter, options, self._name(parameter))
            )
            self.state[parameter].update(made)


def _options(group: dict, parameter: nn.Parameter) -> Isospectral | None:
    return _parsed(*group["iso"].items()) if group["iso"] and parameter.ndim == 2 and parameter.numel() else None


@lru_cache(maxsize=256)
def _parsed(*items: tuple[str, object]) -> Isospectral:
    return Isospectral(**dict(items))


def _numbered(groups: list[dict]) -> dict[nn.Parameter, int]:
    return {p: number for number, p in enumerate(p for group in groups for p in group["params"])}


def _check_group(group: dict, options: Isospectral | None, first: int) -> None:
    def require(holds: bool, sentence: str) -> None:
        if not holds:
            raise SpecError(f"an isospectral optimizer cannot be set up: {sentence}.")

    require(isinstance(group["lr"], Tensor) or group["lr"] >= 0.0, f"learning rate {group['lr']} is negative")
    require(group["eps"] >= 0.0, f"eps {group['eps']} is negative")
    require(group["weight_decay"] >= 0.0, f"weight decay {group['weight_decay']} is negative")
    require(all(0.0 <= beta < 1.0 for beta in group["betas"]), f"betas {group['betas']} must lie in [0, 1)")
    for number, p in enumerate(group["params"], first):
        require(p.is_floating_point(), f"parameter {number} is {p.dtype}, not a real floating type")
    held = options and any(p.ndim == 2 for p in group["params"])
    decay = f"weight decay {group['weight_decay']} would move the singular values of its matrices; set it to 0 in their group"
    require(not (held and group["weight_decay"]), decay)
    missing = options and options.base == "muon" and not hasattr(torch.optim, "Muon")
    require(not missing, "torch's Muon is in torch 2.9 and later")

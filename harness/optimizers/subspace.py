"""One instrumented optimizer for the family of low-rank gradient methods.

    from harness.optimizers import SubspaceOptimizer, preset

    optimizer = SubspaceOptimizer([
        {"params": matrices, **preset("galore", rank=128)},
        {"params": others, "lr": 1e-3},                        # AdamW, as torch's
    ])

`options.py` names the choices, `presets.py` the papers, `matrix_step.py` is the step of a 2-D parameter. Parameters that are
not 2-D, and groups without a subspace, take torch's AdamW. All gradients are checked before anything moves: a step is made as a
whole or not at all.
Cost: 1024 x 1024 on one thread, refreshes every 200 steps spread out: 7.7 ms at r = 128 and 13.6 at 256, AdamW 1.6; with the
forward and backward pass of 2048 tokens 4 and 8 % more than AdamW, as galore-torch. The products with P cost it, 4 a b r each.
Trap: a rank above the dimension is an error here; galore-torch takes what there is, and nobody is told.
Trap: the limiter, the residual and the channels follow the released codes where the papers differ; see `updates.py`.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from harness.errors import SpecError
from harness.optimizers import history, plain_adamw
from harness.optimizers import state as states
from harness.optimizers.gradients import require_dense, require_finite
from harness.optimizers.matrix_step import Look, step_matrix
from harness.optimizers.options import Subspace


class SubspaceOptimizer(torch.optim.Optimizer):
    """See the top of the file.

    Args:
        params: parameters or groups, as of any torch optimizer. A group may have its own `subspace`, `lr`, `betas`, ...
        lr: learning rate.
        betas, eps: of Adam.
        weight_decay: decoupled.
        subspace: of groups that name none; None is AdamW.
        seed: of random projectors.
        fused: as in torch.optim.AdamW, for the parameters it steps.

    Raises:
        SpecError: an option is wrong, or a rank is above the dimension that it is to be found in.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        subspace: Subspace | None = None,
        seed: int = 0,
        fused: bool | None = None,
    ) -> None:
        self._probes: OrderedDict[int, Callable[[Look], None]] = OrderedDict()
        self._place: dict[nn.Parameter, _Place] = {}
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, subspace=subspace, seed=seed, fused=fused)
        super().__init__(params, defaults)

    def add_param_group(self, param_group: dict) -> None:
        """Add parameters; as torch's, with the options checked against their shapes."""
        given = param_group.get("subspace", self.defaults["subspace"])
        options = Subspace(**given) if isinstance(given, dict) else given
        if not isinstance(options, Subspace | None):
            raise SpecError(f"the subspace of a group must be a Subspace or None, not {given!r}.")
        param_group = {**param_group, "subspace": options.plain() if options else None}
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        _check_group(group, options, len(self._place))
        self._place = _places(self.param_groups)

    def __setstate__(self, state: dict) -> None:
        """What torch calls after a load, a copy and an unpickling; probes stay behind."""
        super().__setstate__(state)
        self.__dict__.setdefault("_probes", OrderedDict())
        self._place = _places(self.param_groups)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """One step of every parameter that has a gradient.

        Raises:
            TrainingError: a gradient is not finite; nothing was moved.
            SpecError: a gradient is sparse, or a parameter has changed its shape; nothing was moved.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        work = [(group, [p for p in group["params"] if p.grad is not None]) for group in self.param_groups]
        self._check([p for _, parameters in work for p in parameters])
        for group, parameters in work:
            self._step_group(group, parameters)
        return loss

    @torch.no_grad()
    def step_parameter(self, parameter: nn.Parameter) -> None:
        """One step of one parameter, which has a gradient; see `per_layer.py`. Raises as `step`."""
        self._check([parameter])
        self._step_group(self.param_groups[self._place[parameter].group], [parameter])

    def register_probe(self, probe: Callable[[Look], None]) -> RemovableHandle:
        """Call `probe` with what each step of a 2-D parameter in a subspace does, before the weight moves.

        The overlap with the last subspace is computed only where somebody listens.
        """
        handle = RemovableHandle(self._probes)
        self._probes[handle.id] = probe
        return handle

    @torch.no_grad()
    def end_task(self, energy: float = history.ENERGY) -> None:
        """Close a task (CoSO): what its gradients spanned is from now on left alone.

        Args:
            energy: share of the sketch to protect, in (0, 1].

        Raises:
            SpecError: no group has a sketch, or energy lies outside (0, 1].
        """
        if not 0.0 < energy <= 1.0:
            raise SpecError(f"an energy of {energy}: it must lie above 0 and at most at 1.")
        if not any((group["subspace"] or {}).get("sketch") for group in self.param_groups):
            raise SpecError("no parameter group has a sketch: only a subspace with `sketch` rows knows tasks.")
        for state in self.state.values():
            if "sketch" in state:
                state["history"] = history.extended(state["history"], state["sketch"], energy)
                state["sketch"].zero_()
                # A task begins as training does: with a refresh, and without momentum.
                for name in ("step", "exp_avg", "exp_avg_sq", "error", "limited_norm"):
                    if name in state:
                        state[name].zero_()

    @torch.no_grad()
    def protect(self, held: Mapping[nn.Parameter, Tensor]) -> None:
        """Leave directions alone from now on (CoSO), in the place of those of earlier tasks.

        Args:
            held: H (a, h) of parameters, orthonormal columns on the projected side; h may be 0.

        Raises:
            SpecError: a parameter's group has no sketch, or its H is of another side or not orthonormal; nothing was changed.
        """
        for p, basis in held.items():
            options = self._options(self.param_groups[self._place[p].group], p)
            if options is None or not options.sketch:
                raise SpecError(f"{self._name(p)} has no sketch: only a subspace with `sketch` rows leaves directions alone.")
            history.check(basis, options.oriented(p.shape)[0], self._name(p))
        for p, basis in held.items():
            if not self.state[p]:
                options = self._options(self.param_groups[self._place[p].group], p)
                self.state[p].update(states.fresh(p, options))
            self.state[p]["history"] = basis.to(self.state[p]["history"]).clone()

    def load_state_dict(self, state_dict: dict) -> None:
        """Resume; tensors are copied to where the parameters are, in the dtype they were saved in.

        Raises:
            SpecError: the checkpoint is of another rank, side or kind of state, or of other parameters; nothing was changed.
        """
        states.check_groups(self.param_groups, state_dict["param_groups"])
        owners = [p for group in self.param_groups for p in group["params"]]
        ids = [number for group in state_dict["param_groups"] for number in group["params"]]
        saved = {p: state_dict["state"][number] for p, number in zip(owners, ids, strict=True) if number in state_dict["state"]}
        for p, found in saved.items():
            states.check_shapes(p, found, self._name(p))
        super().load_state_dict(state_dict)
        for group in self.param_groups:
            for name in ("subspace", "seed"):  # a checkpoint of torch.optim.AdamW has neither
                group.setdefault(name, None if name == "subspace" else self.defaults[name])
            for p in group["params"]:
                if p in saved:
                    on_device = bool(group["fused"]) and self._options(group, p) is None
                    self.state[p] = states.restored(saved[p], p.device, on_device)

    def _options(self, group: dict, parameter: nn.Parameter) -> Subspace | None:
        return _parsed(*group["subspace"].items()) if group["subspace"] and parameter.ndim == 2 else None

    def _name(self, parameter: nn.Parameter) -> str:
        return f"parameter {self._place[parameter].index}"

    def _check(self, parameters: list[nn.Parameter]) -> None:
        require_dense(parameters, self._name)
        for p in parameters:
            if self.state.get(p):
                states.check_shapes(p, self.state[p], self._name(p))
        require_finite(parameters, self._name)

    def _step_group(self, group: dict, parameters: list[nn.Parameter]) -> None:
        plain = [p for p in parameters if self._options(group, p) is None]
        for p in plain:
            if not self.state[p]:
                self.state[p].update(plain_adamw.fresh(p, group["fused"]))
        if plain:
            plain_adamw.step(plain, [self.state[p] for p in plain], group)
        for p in parameters:
            options = self._options(group, p)
            if options is not None:
                step_matrix(p, self.state[p], group, options, self._place[p].index, list(self._probes.values()))


class _Place(NamedTuple):
    """Where a parameter stands: its number among all, and its group's."""

    index: int
    group: int


def _places(groups: list[dict]) -> dict[nn.Parameter, _Place]:
    found: dict[nn.Parameter, _Place] = {}
    for number, group in enumerate(groups):
        for p in group["params"]:
            found[p] = _Place(len(found), number)
    return found


@lru_cache(maxsize=256)
def _parsed(*items: tuple[str, object]) -> Subspace:
    return Subspace(**dict(items))


def _check_group(group: dict, options: Subspace | None, first: int) -> None:
    def require(holds: bool, sentence: str) -> None:
        if not holds:
            raise SpecError(f"a subspace optimizer cannot be set up: {sentence}.")

    require(isinstance(group["lr"], Tensor) or group["lr"] >= 0.0, f"learning rate {group['lr']} is negative")
    require(group["eps"] >= 0.0, f"eps {group['eps']} is negative")
    require(group["weight_decay"] >= 0.0, f"weight decay {group['weight_decay']} is negative")
    require(all(0.0 <= beta < 1.0 for beta in group["betas"]), f"betas {group['betas']} must lie in [0, 1)")
    for number, p in enumerate(group["params"], first):
        require(p.is_floating_point(), f"parameter {number} is {p.dtype}, not a real floating type")
        if options and p.ndim == 2:
            most = options.oriented(p.shape)[0]
            shape = " x ".join(map(str, p.shape))
            require(options.rank <= most, f"rank {options.rank} of parameter {number}, {shape}, where {most} is all there is")

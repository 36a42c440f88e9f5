"""Controls: what else is measured beside a claim, so that its verdict means something.

    null    an update without the learning signal, matched on what could explain the effect: must not support the claim
    plant   the effect put in by construction: the measure must find it
    floor   a twin that differs in nothing that matters: how far the measure moves by itself

A control names its surrogate by a plain string, so a spec hashes the same everywhere and collecting imports no torch.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.claims.names import unknown
from harness.errors import SpecError

SURROGATES = frozenset(
    {
        "isotropic",
        "gated_isotropic",
        "weight_decay",
        "coherent_sign",
        "principal_block",
        "scaled_spectrum",
        "off_principal",
        "sparse",
        "principal_free",
        "density_matched",
        "haar",
        "random_walk",
        "tilt",
        "stripe",
        "low_rank",
        "shared_mask",
    }
)
"""Updates that stand in for an arm's update."""

REPLAYS = frozenset({"variant", "swap"})
"""The body is run again with other keyword arguments, or with another arm in an arm's place."""

CONTROLS = SURROGATES | REPLAYS
MUST = ("unsupported", "supported", "refuted")
Arg = str | int | float | bool | None


@dataclass(frozen=True)
class Control:
    """One control.

    Args:
        name: a member of CONTROLS. Checked where a claim is declared, so that a stored spec can be judged after a
            surrogate has gone.
        on: the arm it replaces; None is the first arm, "*" all arms.
        must: the verdict that the control itself has to get under the claim's bound; None: by role.
        args: sorted (name, value) pairs, JSON scalars.
    """

    name: str
    on: str | None = None
    must: str | None = None
    args: tuple[tuple[str, Arg], ...] = ()

    def __post_init__(self) -> None:
        if self.must is not None and self.must not in MUST:
            raise unknown("verdict that a control must get", self.must, MUST)
        if self.name in REPLAYS and not self.args:
            raise SpecError(f"{self.name}() needs at least one keyword: what is to be different in the second run?")
        if self.name in REPLAYS and self.on is not None:
            raise SpecError(f"{self.name}() says by its keywords what it changes and takes no on={self.on!r}.")
        object.__setattr__(self, "args", tuple(sorted(self.args)))
        for key, value in self.args:
            if not isinstance(value, Arg) or (isinstance(value, float) and not math.isfinite(value)):
                raise SpecError(f"{key}={value!r} of the control {self.name!r} must be a string, a finite number or a bool.")

    def label(self) -> str:
        """A stable string: the control's key in the store, e.g. "isotropic(on=sft)"."""
        parts = ([f"on={self.on}"] if self.on is not None else []) + [f"{key}={value}" for key, value in self.args]
        return f"{self.name}({', '.join(parts)})" if parts else self.name

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "on": self.on, "must": self.must, "args": dict(self.args)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Control":
        return cls(fields["name"], fields["on"], fields["must"], tuple(fields["args"].items()))


def _known(control: Control) -> Control:
    if control.name not in CONTROLS:
        raise unknown("null or plant", control.name, CONTROLS)
    return control


def null(name: str, on: str | None = None, must: str = "unsupported", **args: Arg) -> Control:
    """A null: by default the claim's bound must not be supported on it; must="refuted" asks for more."""
    return _known(Control(name, on, must, tuple(args.items())))


def plant(name: str, on: str | None = None, must: str = "supported", **args: Arg) -> Control:
    """A plant: by default the claim's bound must be supported on it; must="refuted" plants the opposite."""
    return _known(Control(name, on, must, tuple(args.items())))


def variant(**kwargs: Arg) -> Control:
    """The body again, with these keyword arguments."""
    return Control("variant", args=tuple(kwargs.items()))


def swap(**arms: str) -> Control:
    """The body again, with arms replaced: swap(rlvr="rlvr_twin")."""
    return Control("swap", args=tuple(arms.items()))


Controls = str | Control | tuple[str | Control, ...] | list[str | Control] | None


def as_controls(given: Controls, role: str) -> tuple[Control, ...]:
    """Strings, controls or several of them as a tuple, with `must` filled in for role "null", "plant" or "floor".

    Raises:
        SpecError: the same control twice, a null that must be supported, or a floor that is not a second run.
    """
    several = given if isinstance(given, (tuple, list)) else () if given is None else (given,)
    controls = []
    for item in several:
        if not isinstance(item, (str, Control)):
            raise SpecError(f"a {role} is a name or a control such as isotropic or swap(arm='other'), not {item!r}.")
        control = _known(Control(item) if isinstance(item, str) else item)
        if role == "null" and control.must == "supported":
            raise SpecError(f"the null {control.label()!r} cannot have must='supported': that is a plant.")
        if role == "floor" and control.name not in REPLAYS:
            raise SpecError(f"a noise floor is swap(arm='twin') or variant(key=value), not {control.label()!r}.")
        default = {"null": "unsupported", "plant": "supported"}.get(role)
        controls.append(control if control.must is not None else replace(control, must=default))
    labels = [control.label() for control in controls]
    for label in labels:
        if labels.count(label) > 1:
            raise SpecError(f"the {role} {label!r} is given twice: name each control once.")
    return tuple(controls)

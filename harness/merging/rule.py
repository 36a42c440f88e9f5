"""What a merging rule is: a pure function of one tensor's base and experts, and what is said about it.

    body(w0, experts, given, **options) -> merged tensor of w0's shape

`given` holds what is known beside the weights: extras of each expert (second moments, Fisher diagonals, Gram matrices), a
generator for rules that draw, and what `prepare` found in a pass over the whole model. Options are keyword-only with defaults;
what values they take is in `options.py`, one table for all rules.

Dtypes: a body computes in the dtype of its arguments. `working_dtype` says which one that should be: fp64 for rules that
decompose, and for others fp64 too, except that 16-bit weights are added in fp32, which holds their differences.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.errors import MeasureError, SpecError
from harness.merging.options import checked

Body = Callable[..., Tensor]


class Given(NamedTuple):
    """What a rule may need beside the weights.

    Attributes:
        extras: a tensor for each expert, empty where there are none.
        generator: on the CPU; None where the rule draws nothing.
        prepared: what the rule's `prepare` or `local` returned; None: the body finds it in this tensor alone.
    """

    extras: Sequence[Tensor] = ()
    generator: torch.Generator | None = None
    prepared: Any = None


NOTHING = Given()


class Tensors(NamedTuple):
    """One parameter of a model: its base, one tensor of each expert, and their extras."""

    name: str
    base: Tensor
    experts: tuple[Tensor, ...]
    extras: tuple[Tensor, ...] = ()


Walk = Callable[[], Iterator[Tensors]]
"""Goes through a model once, each time it is called."""


@dataclass(frozen=True)
class Rule:
    """A rule as the registry declares it.

    Attributes:
        name: as given to `merge` and --method.
        body: see the module; of matrices, and of every tensor unless `vectors` is set.
        says: the formula in a line.
        source: paper or code.
        vectors: body for 1-D tensors where `body` takes matrices only.
        others: body for tensors of no or three and more dimensions, in that case.
        extras: what is needed of each expert, in words, or None.
        may_lack: a tensor that no expert has extras of is averaged instead of refused.
        fewest, most: number of experts that it takes; None: any.
        decomposes: works in fp64 whatever the weights are stored in.
        draws: needs a generator, so that the order of experts matters.
        as_stored: `body` gets tensors before they are taken to the working dtype, and takes them there itself, to hold less.
        scales: merged(c W) = c merged(W) for all c.
        entrywise: given `prepared`, an entry of the result depends on that entry of the inputs alone, so that a large tensor is
            merged in chunks, which takes no memory and stays in the processor's cache.
        local: (w0, experts, given, **options) -> `Given.prepared` from one tensor whole, for rules that are entrywise after it.
        prepare: (walk, **options) -> `Given.prepared` from a pass over the whole model; None where its options ask for none.
    """

    name: str
    body: Body
    says: str
    source: str
    vectors: Body | None = None
    others: Body | None = None
    extras: str | None = None
    may_lack: bool = False
    fewest: int = 1
    most: int | None = None
    decomposes: bool = False
    draws: bool = False
    as_stored: bool = False
    scales: bool = True
    entrywise: bool = False
    local: Callable[..., Any] | None = None
    prepare: Callable[..., Any] | None = None

    @cached_property
    def options(self) -> dict[str, Any]:
        """Names and defaults."""
        parameters = inspect.signature(self.body).parameters.values()
        return {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}

    def take(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options: those given, checked, and the defaults of the rest.

        Raises:
            SpecError: one that the rule does not have, or a value that it cannot have.
        """
        return {**self.options, **checked(options, self.name, tuple(self.options))}

    def check_count(self, count: int) -> None:
        """MeasureError: more or fewer experts than the rule takes."""
        if count < self.fewest or (self.most is not None and count > self.most):
            bounds = f"at least {self.fewest}" if self.most is None else f"{self.fewest} to {self.most}"
            plural = "expert was" if count == 1 else "experts were"
            raise MeasureError(f"{self.name} takes {bounds} experts, and {count} {plural} given.")

    def working_dtype(self, stored: torch.dtype) -> torch.dtype:
        """fp32 for the sums of 16-bit weights, else fp64."""
        return torch.float32 if stored.itemsize <= 2 and not self.decomposes else torch.float64

    def __call__(self, w0: Tensor, experts: Sequence[Tensor], given: Given = NOTHING, **options: Any) -> Tensor:
        """The merged tensor in the dtype of the experts, whose shape is that of w0; options as from `take`."""
        if w0.numel() == 0:
            return w0.clone()
        body = self.body
        if self.may_lack and not given.extras:
            body = self.others or body
        elif self.vectors is not None and w0.ndim != 2:
            body = self.vectors if w0.ndim == 1 or self.others is None else self.others
        return body(w0, experts, given, **taken_by(body, options))


def taken_by(function: Callable, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options that a function has."""
    names = [each.name for each in inspect.signature(function).parameters.values() if each.kind is each.KEYWORD_ONLY]
    return {name: options[name] for name in names if name in options}


def prepared(rule: Rule, walk: Walk, options: Mapping[str, Any]) -> Any:
    """What the rule's first pass finds; None where it needs none."""
    if rule.prepare is None:
        return None
    return rule.prepare(walk, **taken_by(rule.prepare, options))


def find(rules: Mapping[str, Rule], name: str) -> Rule:
    """A rule by name; "_" counts as "-".

    Raises:
        SpecError: there is none.
    """
    from difflib import get_close_matches

    wanted = name.replace("_", "-").lower()
    if wanted not in rules:
        near = get_close_matches(wanted, rules, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(rules)}."
        raise SpecError(f"there is no merging rule {name!r}: {hint}")
    return rules[wanted]

"""Spectra of a real model's every matrix, and spectra that stand in for them.

    gaussian     matrices of noise                                 shapes alone make ranks uneven too
    spiked       noise with the weights' s_1 over |rest|_F         what one large value does to a rule that divides by it
    two spikes   likewise with their s_1 and s_2                   the same where the rule does not see s_1
    planted      noise, queries and keys of a quarter of the rank  the effect, put in

Noise is drawn for three layers, whatever their number, and dealt to them in turn, so that 210 decompositions a draw become 21.
What is read from two such draws differs by some percent (the unevenness of the published rule by 5 at most, of ten draws).
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import harness as h

if TYPE_CHECKING:
    from harness.compression import Spectrum
    from harness.models.handle import Handle
    from torch import Generator, Tensor

DRAWN = 3
"""Layers for which noise is drawn."""

PLANTED = ("q_proj", "k_proj")
FLOOR = 0.05
"""Size of a planted matrix's noise."""

Spectra = Mapping[str, "Spectrum"]


@lru_cache(maxsize=1)
def of_model(handle: "Handle") -> dict[str, "Spectrum"]:
    """Of every projection in every layer, also those that a scale does not judge; once per process."""
    from harness.models.weights import projections

    checkpoint = handle.checkpoint()
    wanted = projections({name: len(found.shape) for name, found in checkpoint.shapes.items()})
    names = {each.tensor: each.name for each in wanted}
    read: Iterator[tuple[str, Tensor]] = checkpoint.read(list(names))
    return h.value_spectra((names[tensor], matrix) for tensor, matrix in read)


def stand_in(spectra: Spectra, of: str, generator: "Generator") -> Spectra:
    """The spectra themselves where `of` is "weights", or what is to be measured in their place.

    Args:
        spectra: of the weights.
        of: "weights", "gaussian", "spiked", "two spikes" or "planted".
        generator: draws the noise.
    """
    if of == "weights":
        return spectra
    drawn = noise(spectra, generator)
    if of == "gaussian":
        return drawn
    if of == "planted":
        return {name: _planted(name, each) for name, each in drawn.items()}
    spikes = {"spiked": 1, "two spikes": 2}[of]
    return {name: _spiked(spectra[name], each, spikes) for name, each in drawn.items()}


def noise(like: Spectra, generator: "Generator") -> dict[str, "Spectrum"]:
    """Gaussian spectra of the same shapes, drawn for the first DRAWN layers of each module and dealt to the others in turn."""
    by_module: dict[tuple[str, tuple[int, int]], list[str]] = {}
    for name in like:
        by_module.setdefault((module(name), like[name].shape), []).append(name)
    first = {name: like[name] for names in by_module.values() for name in names[:DRAWN]}
    drawn = h.gaussian_spectra(first, generator)
    found = {name: drawn[names[i % DRAWN]] for names in by_module.values() for i, name in enumerate(names)}
    return {name: found[name] for name in like}


def module(name: str) -> str:
    """The last part of a matrix's name, such as "q_proj"."""
    return name.rpartition(".")[2]


def mean_reduction(allocation, modules: Iterable[str]) -> dict[str, float]:
    """Mean of 1 - r / q over the layers, by module."""
    taken: dict[str, list[float]] = {each: [] for each in modules}
    for name, ratio in allocation.reduction.items():
        if module(name) in taken:
            taken[module(name)].append(ratio)
    return {each: sum(ratios) / len(ratios) for each, ratios in taken.items()}


def without_first(spectra: Spectra) -> dict[str, "Spectrum"]:
    """Every spectrum less its largest value."""
    return {name: each._replace(values=each.values[1:], shape=_one_less(each.shape)) for name, each in spectra.items()}


def _one_less(shape: tuple[int, int]) -> tuple[int, int]:
    return shape[0] - 1, shape[1] - 1


def _spiked(weights: "Spectrum", drawn: "Spectrum", count: int) -> "Spectrum":
    """The first `count` values over the rest's norm are the weights'; none falls below the rest."""
    values, rest = drawn.values.clone(), drawn.values[count:]
    scale = rest.norm() / weights.values[count:].norm()
    values[:count] = (weights.values[:count] * scale).clamp(min=rest[0])
    return drawn._replace(values=values)


def _planted(name: str, drawn: "Spectrum") -> "Spectrum":
    if module(name) not in PLANTED:
        return drawn
    values = drawn.values.clone()
    values[drawn.q // 4 :] *= FLOOR
    return drawn._replace(values=values)

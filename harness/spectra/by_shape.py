"""A measure's median over the matrices of one shape, for measures whose chance level depends on the shape.

Trap: one median over a model mixes shapes, and architectures mix them differently: two models then differ without any effect.
"""

from collections.abc import Mapping
from statistics import median

from harness.spectra.change import Changed
from harness.spectra.per_matrix import PerMatrix


def by_shape(values: Mapping[str, float], change: Changed) -> PerMatrix:
    """The median of each shape, under the name "MxN"; sizes are the entries of all its matrices together.

    Args:
        values: by matrix name; matrices without a value play no part.
        change: holds those matrices.

    Raises:
        MeasureError: no value at all.
    """
    shapes: dict[str, list[str]] = {}
    for name, w0 in change.change().base.items():
        if name in values:
            shapes.setdefault("x".join(map(str, w0.shape)), []).append(name)
    sizes = change.change().sizes
    return PerMatrix(
        {shape: median(values[name] for name in names) for shape, names in shapes.items()},
        {shape: sum(sizes[name] for name in names) for shape, names in shapes.items()},
    )

"""Profiles over the depth of a model: one number of every matrix, by layer, a curve for each module.

    layer_update_norm    |D|_F / |W0|_F                                                  no reference: noise has the same norm
    layer_nss            |sigma(W0 + D) - sigma(W0)|_2 / |sigma(W0)|_2                   reference: mean of the noises'
    layer_enrichment     |U_k^T D V_k|_F^2 / |D|_F^2 over k^2 / (mn), k = q / 8          reference: mean of the noises', about 1
    layer_bf16_changed   share of the entries whose bf16 changed                         reference: of noise, in closed form

Of several experts in a layer the mean is taken. A layer whose number is not defined is left out of its curve; x says which are
in it.
"""

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from harness.engine.profile_curves import METRIC_VERSION, draws_of_noise, floats
from harness.engine.profile_rows import Number
from harness.engine.profile_storage import CLOSED_FORM


class LayerKind(NamedTuple):
    """Which number a curve shows, what it is called, and what its reference is (None: it has none)."""

    number: str
    says: str
    reference: str | None


DRAWN = "drawn"
KINDS = {
    "layer_update_norm": LayerKind("relative_norm", "|D|_F / |W0|_F", None),
    "layer_nss": LayerKind("nss", "normalized spectral shift", DRAWN),
    "layer_enrichment": LayerKind("enrichment", "energy in the leading eighth on both sides, over chance", DRAWN),
    "layer_bf16_changed": LayerKind("bf16_changed", "share of the entries whose bf16 changed", CLOSED_FORM),
}


class Read(NamedTuple):
    """The numbers of one matrix at one step, as a MatrixProfile gives them."""

    layer: int
    module: str
    numbers: dict[str, Number]


def layer_rows(read: Iterable[Read], draws: int) -> list[dict]:
    """Rows of table profiles for one step, without the columns that say whose they are.

    Args:
        read: every matrix of that step.
        draws: of the noise.
    """
    modules: dict[str, list[Read]] = defaultdict(list)
    for each in read:
        modules[each.module].append(each)
    return [_row(kind, module, members, draws) for kind in KINDS for module, members in modules.items()]


def _row(kind: str, module: str, members: list[Read], draws: int) -> dict:
    name, says, reference = KINDS[kind]
    row = {"kind": kind, "matrix": "", "module": module, "metric_version": METRIC_VERSION}
    layers: dict[int, list[Number]] = defaultdict(list)
    for each in members:
        if name in each.numbers:
            layers[each.layer].append(each.numbers[name])
    if not layers:
        return row | {"status": "undefined", "detail": f"{says}: not defined on any {module} here"}
    x = sorted(layers)
    row |= {"x": x, "y": floats(fmean(each.value for each in layers[layer]) for layer in x), "status": "ok", "detail": says}
    noise = [[each.noise for each in layers[layer]] for layer in x]
    if reference is None or any(value is None for values in noise for value in values):
        return row
    named = draws_of_noise("mean", draws) if reference == DRAWN else reference
    return row | {"reference": floats(map(fmean, noise)), "reference_name": named}

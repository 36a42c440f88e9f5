"""Tuners that peft lacks: LoRA begun at chosen singular triplets, and updates that live between frozen singular frames.

    W0 = U S V^T, c = alpha / r, t the r triplets that a tuner is begun at:

    milora           A = (S_t / c)^(1/2) V_t^T, B = U_t (S_t / c)^(1/2), base <- W0 - c B A;   t the trailing r
    geora            the same with t the leading r of W0 * (M_spec or M_euc): where |rank-r part of W0|, or |W0|, is smallest
    lora_top ...     A = V_t^T, B = 0, base as it was;   t leading, trailing, in the middle, or drawn: directions without scale
    svdiff, svft     dW = U M V^T, M diagonal, in a band or at random places, all else of it zero
    lora_xs          dW = c U_r S_r R V_r^T, R of (r, r)

Those with an A and a B are peft's LoRA layers with other numbers in them; the others are `Framed`. M and R start at zero.
Source: MiLoRA 2406.09044; GeoRA 2601.09361; PeRL 2512.23165, its milora_plus; SVDiff 2303.11305; SVFT 2405.19597;
LoRA-XS 2405.17604.
Trap: MiLoRA takes from a base in its own dtype: in bf16 what is taken lies below the rounding (suites/adapter_precision).
Trap: a singular vector has a sign and near-equal ones mix. What is frozen is kept with the adapter, and what a base is reduced
by is a product B A that no sign changes: a rebuilt adapter has the same weights.
Trap: LoRA-XS draws R at 1e-5; here it is zero, so that the start is the base. SVFT's random places repeat; here they do not.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import torch
from harness.errors import ModelError
from harness.spectra.frame import decompose
from harness.spectra.krylov import leading_subspaces
from torch import Tensor, nn

if TYPE_CHECKING:
    from harness.models.adapters import Adaptation

PATTERNS = ("diagonal", "banded", "random")
DIRECTIONS = ("top", "bottom", "middle", "random")


class Triplets(NamedTuple):
    """U (m, r), S (r,), V (n, r) of a matrix, fp64."""

    U: Tensor
    S: Tensor
    V: Tensor


class Framed(nn.Module):
    """A linear layer plus left M right, left and right frozen, M trained at some places and zero elsewhere.

    Args:
        base_layer: the frozen layer, (out, in).
        left: (out, k).
        right: (k, in).
        places: (2, N) rows and columns of M that train.

    Attributes:
        base_layer, left, right, places: as given; the frames in fp32 where the base has less.
        core: (N,) the entries of M at those places, zero at the start.
    """

    adapter_layer_names = ("core",)

    def __init__(self, base_layer: nn.Linear, left: Tensor, right: Tensor, places: Tensor) -> None:
        super().__init__()
        at = base_layer.weight
        dtype = at.dtype if at.dtype == torch.float64 else torch.float32
        self.base_layer = base_layer
        self.register_buffer("left", left.to(at.device, dtype).contiguous())
        self.register_buffer("right", right.to(at.device, dtype).contiguous())
        self.register_buffer("places", places.to(at.device))
        self.core = nn.Parameter(torch.zeros(places.shape[1], dtype=dtype, device=at.device))

    def forward(self, x: Tensor) -> Tensor:
        k = self.left.shape[1]
        middle = self.core.new_zeros(k, k).index_put((self.places[0], self.places[1]), self.core)
        moved = x.to(self.core.dtype) @ self.right.T @ middle.T @ self.left.T
        return self.base_layer(x) + moved.to(x.dtype)


def build(
    model: nn.Module, layers: Mapping[str, nn.Linear], how: "Adaptation", wrapped: Callable[..., nn.Module]
) -> nn.Module | None:
    """Put one of these tuners on a model in place, all else frozen.

    Args:
        model: the model.
        layers: its targeted layers, by path.
        how: the adaptation; its rank is at most the smaller side of every layer.
        wrapped: peft's wrapper from (model, name of a config's class, its arguments).

    Returns:
        peft's wrapper, or None where the layers are ours.

    Raises:
        ModelError: a setting that the tuner does not have, or a value that it cannot use.
    """
    known = dict(how.row.arguments)
    unknown = sorted(set(dict(how.settings)) - set(known))
    if unknown:
        raise ModelError(f"{how.tuner} has no setting {', '.join(unknown)}; it has {', '.join(known) or 'none'}.")
    settings = known | dict(how.settings)
    if how.tuner in ("svdiff", "svft", "lora_xs"):
        model.requires_grad_(False)
        for path, layer in layers.items():
            made = _core(layer, how) if how.tuner == "lora_xs" else _spectral(layer, **settings)
            parent, _, leaf = path.rpartition(".")
            setattr(model.get_submodule(parent), leaf, made)
        return None
    wrapper = wrapped(model, "LoraConfig", r=how.rank, lora_alpha=how.alpha, target_modules=list(how.targets))
    for path in layers:
        layer = model.get_submodule(path)
        if how.tuner in ("milora", "geora"):
            weight = layer.base_layer.weight.detach()
            _reduce(layer, trailing(weight, how.rank) if how.tuner == "milora" else geometric(weight, how.rank, **settings))
        else:
            _direct(layer, how.rank, **settings)
    return wrapper


def trailing(weight: Tensor, r: int) -> Triplets:
    """The r triplets of the smallest singular values; needs them all."""
    u, s, v = decompose(weight)
    return Triplets(u[:, -r:], s[-r:], v[:, -r:])


def leading(weight: Tensor, r: int) -> Triplets:
    """The r triplets of the largest singular values, by block Krylov where the matrix is large."""
    found = leading_subspaces(weight, r)
    return Triplets(found.U, found.S, found.V)


def geometric(weight: Tensor, r: int, share: float) -> Triplets:
    """The r leading triplets of the matrix that has only entries small in the rank-r part of the weight, or in itself.

    Args:
        weight: (m, n).
        r: rank.
        share: of the entries under each of the two masks, in (0, 1]; entries equal to the last one are in too.

    Raises:
        ModelError: a share outside (0, 1].
    """
    if not 0.0 < share <= 1.0:
        raise ModelError(f"A share of {share} of the entries is none: GeoRA takes one above 0 and at most 1.")
    top, wide = leading(weight, r), weight.double()

    def smallest(matrix: Tensor) -> Tensor:
        sizes = matrix.abs()
        return sizes <= sizes.flatten().kthvalue(max(1, round(share * sizes.numel()))).values

    return leading(wide * (smallest((top.U * top.S) @ top.V.T) | smallest(wide)), r)


def directions(weight: Tensor, r: int, where: str) -> Tensor:
    """(r, n): orthonormal rows, r right singular vectors from one place of the spectrum.

    Args:
        weight: (m, n).
        r: at most min(m, n).
        where: "top", "bottom", "middle", or "random": r of all, drawn by the global generator.

    Raises:
        ModelError: an unknown place.
    """
    if where not in DIRECTIONS:
        raise ModelError(f"There are no singular directions {where!r}; use one of {', '.join(DIRECTIONS)}.")
    if where == "top":
        return leading(weight, r).V.T
    v = decompose(weight).V
    q = v.shape[1]
    if where == "random":
        return v[:, torch.randperm(q)[:r].sort().values.to(v.device)].T
    start = q - r if where == "bottom" else (q - r) // 2
    return v[:, start : start + r].T


def places(q: int, pattern: str, band: int = 0) -> Tensor:
    """(2, N): where the matrix M of SVFT is not zero, of shape (q, q).

    Args:
        q: side of M.
        pattern: "diagonal"; "banded": band diagonals on each side of it too; "random": as many places as a band has, anywhere.
        band: in 0 .. q - 1.

    Raises:
        ModelError: an unknown pattern, or a band below 0 or beyond the matrix.
    """
    if pattern not in PATTERNS:
        raise ModelError(f"SVFT has no pattern {pattern!r}; use one of {', '.join(PATTERNS)}.")
    if not 0 <= band < q:
        raise ModelError(f"A band of {band} diagonals on each side does not fit a matrix of side {q}: give 0 to {q - 1}.")
    if pattern == "random":
        chosen = torch.randperm(q * q)[: q * (2 * band + 1) - band * (band + 1)].sort().values
        return torch.stack([chosen // q, chosen % q])
    at, reach = torch.arange(q), 0 if pattern == "diagonal" else band
    return ((at[:, None] - at).abs() <= reach).nonzero().T.contiguous()


def _spectral(layer: nn.Linear, pattern: str = "diagonal", band: int = 0) -> Framed:
    """U M V^T between the whole frames."""
    u, s, v = decompose(layer.weight.detach())
    return Framed(layer, u, v.T, places(len(s), pattern, band))


def _core(layer: nn.Linear, how: "Adaptation") -> Framed:
    """c U_r S_r R V_r^T, R full."""
    u, s, v = leading(layer.weight.detach(), how.rank)
    return Framed(layer, u * s * (how.alpha / how.rank), v.T, places(how.rank, "banded", how.rank - 1))


@torch.no_grad()
def _reduce(layer: nn.Module, found: Triplets) -> None:
    """Factors of the triplets' matrix into peft's layer, and that matrix out of its base, in fp64 and rounded once."""
    a, b, base = layer.lora_A["default"].weight, layer.lora_B["default"].weight, layer.base_layer.weight
    scaling = layer.scaling["default"]
    root = (found.S / scaling).sqrt()
    a.copy_((found.V * root).T)
    b.copy_(found.U * root)
    base.copy_(base.double() - scaling * (b.double() @ a.double()))


@torch.no_grad()
def _direct(layer: nn.Module, r: int, where: str, frozen_a: bool) -> None:
    """Directions into peft's A; its B is zero as it comes."""
    a = layer.lora_A["default"].weight
    a.copy_(directions(layer.base_layer.weight, r, where))
    a.requires_grad_(not frozen_a)

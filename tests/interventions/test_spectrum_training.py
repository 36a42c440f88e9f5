"""Spectra that are held, or all that moves, through steps of several optimizers; and what one step is, by hand."""

import pytest
import torch
from torch import nn

from harness.errors import SpecError
from harness.interventions import SPECTRA, constrain, hold_spectrum, move_spectrum_only, with_spectrum
from harness.optimizers import SubspaceOptimizer, preset

OPTIMIZERS = {
    "adamw": lambda parameters: torch.optim.AdamW(parameters, lr=3e-2, weight_decay=0.1),
    "adam-l2": lambda parameters: torch.optim.Adam(parameters, lr=3e-2, weight_decay=0.1),
    "sgd-momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.3, momentum=0.9),
    "muon": lambda parameters: torch.optim.Muon(parameters, lr=0.1, weight_decay=0.0),
    "galore": lambda parameters: SubspaceOptimizer(parameters, lr=0.1, subspace=preset("galore", rank=4)["subspace"], seed=0),
}
PRECISIONS = {"fp64": (torch.float64, 1e-10), "fp32": (torch.float32, 1e-5)}


class TwoLayers(nn.Module):
    """tanh(x A^T) B^T with A wide, B tall, and a bias."""

    def __init__(self, dtype=torch.float64, bias=True):
        super().__init__()
        generator = torch.Generator().manual_seed(11)
        self.a = nn.Parameter(torch.randn(10, 14, generator=generator, dtype=torch.float64).to(dtype) / 3)
        self.b = nn.Parameter(torch.randn(16, 10, generator=generator, dtype=torch.float64).to(dtype) / 3)
        self.bias = nn.Parameter(torch.zeros(16, dtype=dtype), requires_grad=bias)

    @property
    def matrices(self):
        return {"a": self.a, "b": self.b}

    def loss(self, generator):
        x = torch.randn(8, 14, generator=generator, dtype=torch.float64).to(self.a.dtype)
        return (torch.tanh(x @ self.a.T) @ self.b.T + self.bias - x.sum(1, keepdim=True)).square().mean()


def steps(module, optimizer, count, seed=5):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        optimizer.zero_grad()
        module.loss(generator).backward()
        optimizer.step()


def copied(module):
    return {name: p.detach().clone() for name, p in module.matrices.items()}


def drift(before, after):
    values, now = (torch.linalg.svdvals(w.detach().double()) for w in (before, after))
    return (torch.linalg.vector_norm(now - values) / torch.linalg.vector_norm(values)).item()


def off_frames(before, after):
    """Largest entry of U0^T W V0 off the diagonal, and what lies outside of both frames, relative to |W|."""
    u, _, vh = torch.linalg.svd(before.double(), full_matrices=False)
    after = after.detach().double()
    along = (u.T @ after @ vh.T).diagonal()
    return (torch.linalg.vector_norm(after - (u * along) @ vh) / torch.linalg.vector_norm(after)).item()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype, limit", PRECISIONS.values(), ids=PRECISIONS)
def test_a_held_spectrum_is_kept_while_weights_move_far(make, dtype, limit):
    """Exact: 40 steps of an optimizer that changes it by over a part in ten when left alone."""
    held, free = TwoLayers(dtype, bias=False), TwoLayers(dtype, bias=False)
    start = copied(held)
    for module in (held, free):
        optimizer = make(list(module.matrices.values()))
        if module is held:
            hold_spectrum(optimizer, module.matrices)
        steps(module, optimizer, 40)
    for name, w0 in start.items():
        assert drift(w0, held.matrices[name]) < limit
        assert drift(w0, free.matrices[name]) > 0.1
        assert torch.linalg.vector_norm(held.matrices[name] - w0) > 0.1 * torch.linalg.vector_norm(w0)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("dtype, limit", PRECISIONS.values(), ids=PRECISIONS)
def test_where_the_spectrum_alone_moves_the_frames_are_kept(make, dtype, limit):
    module = TwoLayers(dtype, bias=False)
    start, optimizer = copied(module), make(list(module.matrices.values()))
    move_spectrum_only(optimizer, module.matrices)
    steps(module, optimizer, 40)
    for name, w0 in start.items():
        assert off_frames(w0, module.matrices[name]) < limit
        assert drift(w0, module.matrices[name]) > 1e-3


def test_a_held_step_is_the_free_step_brought_to_the_nearest_matrix_of_the_family():
    """Truth: step by step, from the same state, in fp64."""
    held, free = TwoLayers(), TwoLayers()
    optimizers = [torch.optim.SGD(module.parameters(), lr=0.3) for module in (held, free)]
    hold_spectrum(optimizers[0], held.matrices)
    values = {name: torch.linalg.svdvals(w) for name, w in copied(held).items()}
    for step in range(3):
        for module, optimizer in zip((held, free), optimizers, strict=True):
            steps(module, optimizer, 1, seed=step)
        with torch.no_grad():
            for name, p in free.matrices.items():
                p.copy_(with_spectrum(p, values[name]))
        for one, other in zip(held.parameters(), free.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_sgd_on_the_spectrum_alone_is_sgd_on_the_values():
    """Truth: W = U0 diag(s) V0^T with s as the parameter, whose gradient is diag(U0^T G V0)."""
    module, oracle = TwoLayers(), TwoLayers()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    move_spectrum_only(optimizer, module.matrices)
    steps(module, optimizer, 6)
    frames = {name: torch.linalg.svd(w, full_matrices=False) for name, w in copied(oracle).items()}
    values = {name: frame[1].clone().requires_grad_() for name, frame in frames.items()}
    own = torch.optim.SGD([*values.values(), oracle.bias], lr=0.1)
    generator = torch.Generator().manual_seed(5)
    for _ in range(6):
        own.zero_grad()
        x = torch.randn(8, 14, generator=generator, dtype=torch.float64)
        a, b = ((frames[name][0] * values[name]) @ frames[name][2] for name in "ab")
        (torch.tanh(x @ a.T) @ b.T + oracle.bias - x.sum(1, keepdim=True)).square().mean().backward()
        own.step()
    for name, (u, _, vh) in frames.items():
        torch.testing.assert_close(module.matrices[name].detach(), ((u * values[name]) @ vh).detach(), rtol=0, atol=1e-12)
    torch.testing.assert_close(module.bias, oracle.bias, rtol=0, atol=1e-12)


def test_full_steps_are_as_long_as_the_optimizers_and_point_the_same_way():
    """Truth: the first step of AdamW without decay is lr in every entry, so lr sqrt(mn) long."""
    short, full = TwoLayers(), TwoLayers()
    start = copied(short)
    for module, full_steps in ((short, False), (full, True)):
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2, weight_decay=0.0)
        move_spectrum_only(optimizer, module.matrices, full_steps=full_steps)
        steps(module, optimizer, 1)
    for name, w0 in start.items():
        one, other = short.matrices[name] - w0, full.matrices[name] - w0
        assert torch.linalg.vector_norm(other).item() == pytest.approx(1e-2 * w0.numel() ** 0.5, rel=1e-5)
        assert torch.linalg.vector_norm(one) < 0.6 * torch.linalg.vector_norm(other)
        assert nn.functional.cosine_similarity(one.flatten(), other.flatten(), dim=0).item() == pytest.approx(1.0, abs=1e-9)
        assert off_frames(w0, full.matrices[name]) < 1e-10


@pytest.mark.parametrize("attach", [hold_spectrum, move_spectrum_only])
def test_other_parameters_are_free_or_held(attach):
    for others, moves in (("free", True), ("held", False)):
        module = TwoLayers()
        optimizer = torch.optim.AdamW(module.parameters(), lr=1e-2)
        attach(optimizer, module.matrices, others=others)
        steps(module, optimizer, 3)
        assert bool(module.bias.any()) == moves


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_a_projection_is_had_by_name_and_can_be_removed(spectrum):
    module = TwoLayers()
    start, optimizer = copied(module), torch.optim.SGD(module.parameters(), lr=0.3)
    projection = constrain(optimizer, module.matrices, spectrum)
    steps(module, optimizer, 2)
    assert (drift(start["a"], module.a) < 1e-10) == (spectrum == "held")
    assert (off_frames(start["a"], module.a) < 1e-10) == (spectrum != "held")
    projection.remove()
    steps(module, optimizer, 2)
    assert drift(start["a"], module.a) > 1e-3 and off_frames(start["a"], module.a) > 1e-3


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_a_step_of_nothing_changes_nothing_but_rounding(spectrum):
    module = TwoLayers(torch.float32)
    start, optimizer = copied(module), torch.optim.SGD(module.parameters(), lr=0.0)
    constrain(optimizer, module.matrices, spectrum)
    steps(module, optimizer, 5)
    for name, w0 in start.items():
        torch.testing.assert_close(module.matrices[name].detach(), w0, rtol=0, atol=2**-23)


@pytest.mark.parametrize("spectrum", SPECTRA)
def test_weights_that_diverged_are_left_for_the_loop_to_report(spectrum):
    module = TwoLayers()
    optimizer = torch.optim.SGD(module.parameters(), lr=float("inf"))
    constrain(optimizer, module.matrices, spectrum)
    steps(module, optimizer, 1)
    assert not module.a.isfinite().all()


def test_what_cannot_be_projected_is_refused():
    module = TwoLayers()
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with pytest.raises(SpecError, match=r"bias has shape \(16,\): only a 2-D weight has a spectrum to train"):
        hold_spectrum(optimizer, {"bias": module.bias})
    with pytest.raises(SpecError, match="b is not a parameter of the optimizer"):
        move_spectrum_only(torch.optim.SGD([module.a], lr=0.1), module.matrices)
    with pytest.raises(SpecError, match="'held' or 'free', not 'frozen'"):
        hold_spectrum(optimizer, module.matrices, others="frozen")
    with pytest.raises(SpecError, match="unknown way 'kept' of training the spectrum: use one of held, only, only_full_steps"):
        constrain(optimizer, module.matrices, "kept")

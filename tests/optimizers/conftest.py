"""Gradients that look like a model's: a fixed low-rank part and fresh noise, seeded."""

import pytest
import torch


@pytest.fixture
def stream():
    """stream(shape, steps, seed=0, dtype=float64) gives one gradient a step: a rank-3 product and .3 of noise."""

    def make(shape, steps, seed=0, dtype=torch.float64):
        g = torch.Generator().manual_seed(seed)
        fixed = torch.randn(shape[0], 3, generator=g, dtype=dtype) @ torch.randn(3, shape[1], generator=g, dtype=dtype)
        return [fixed + 0.3 * torch.randn(shape, generator=g, dtype=dtype) for _ in range(steps)]

    return make


@pytest.fixture
def drive():
    """drive(optimizer, parameter, gradients) steps through them; returns the parameter's value after each step."""

    def run(optimizer, parameter, gradients):
        values = []
        for gradient in gradients:
            parameter.grad = gradient.clone()
            optimizer.step()
            values.append(parameter.detach().clone())
        return values

    return run

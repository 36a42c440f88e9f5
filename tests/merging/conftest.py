"""A base and experts that are small, and what rules need beside them."""

import pytest
import torch

SHAPES = {"tall": (24, 10), "wide": (9, 21), "square": (14, 14), "bias": (13,), "stack": (3, 4, 5)}


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture
def normal(generator):
    """normal(4, 3): Gaussian, fp64."""
    return lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)


@pytest.fixture
def model(normal):
    """model(experts, relative=.05): a base, experts at that relative distance, and second moments of each."""

    def build(count=3, relative=0.05, shapes=SHAPES):
        base = {name: normal(*shape) for name, shape in shapes.items()}
        experts = [{name: w0 + relative * normal(*w0.shape) for name, w0 in base.items()} for _ in range(count)]
        return base, experts

    return build


@pytest.fixture
def moments(normal):
    """moments(base, count): positive numbers of the weights' shapes for each expert."""
    return lambda base, count: [{name: normal(*w0.shape).square() for name, w0 in base.items()} for _ in range(count)]


@pytest.fixture
def grams(normal):
    """grams(base, count): X^T X of 40 inputs for every matrix."""

    def build(base, count):
        inputs = [{name: normal(40, w0.shape[1]) for name, w0 in base.items() if w0.ndim == 2} for _ in range(count)]
        return [{name: x.T @ x for name, x in each.items()} for each in inputs]

    return build


@pytest.fixture
def needs(moments, grams):
    """needs(rule, base, count): the keyword `extras` where the rule has such a need, of any of the three kinds."""

    def build(rule, base, count):
        if rule.extras is None:
            return {}
        return {"extras": (grams if rule.may_lack else moments)(base, count)}

    return build


def spread(one, other):
    """Largest difference of two state dicts."""
    return max((one[name] - other[name]).abs().max().item() for name in one)

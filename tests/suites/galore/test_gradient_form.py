"""The closed form of Theorem 3.2 against autograd and against what a layer does by hand."""

import pytest
import torch
from harness.errors import SpecError
from suites.galore.gradient_form import by_autograd, closed_form, drawn, relative_error


def net(activation, seed=0, **options):
    return drawn(torch.Generator().manual_seed(seed), activation, **options)


def test_autograd_is_the_difference_quotient_of_the_loss():
    """Truth: one entry of the first layer, moved both ways."""
    chain = net("tanh", widths=(3, 4, 2))

    def loss(moved):
        first = chain.weights[0].clone()
        first[1, 2] += moved
        return (chain.y - chain.weights[1] @ torch.tanh(first @ chain.x)).square().sum() / 2

    slope = (loss(1e-6) - loss(-1e-6)) / 2e-6
    assert by_autograd(chain)[0][1, 2].item() == pytest.approx(-slope.item(), rel=1e-7)


def test_one_linear_layer_is_least_squares():
    chain = net("relu", widths=(3, 2))
    residual = chain.y - chain.weights[0] @ chain.x
    assert torch.allclose(closed_form(chain)[0], torch.outer(residual, chain.x), atol=1e-15)


@pytest.mark.parametrize("activation", ["relu", "leaky"])
def test_homogeneous_activations_obey_the_form(activation):
    assert relative_error(net(activation)) < 1e-14


def test_the_last_layer_obeys_it_whatever_the_activation():
    chain = net("tanh")
    assert torch.allclose(closed_form(chain)[-1], by_autograd(chain)[-1], atol=1e-13)


def test_each_layer_of_squares_doubles_the_products_below_it():
    """J W_1 h_0 is 2^k outputs, k squares above: so the closed form is J'(y - 2^k h_L) h'."""
    chain = net("square", widths=(4, 5, 6, 3))
    h = chain.x
    for w in chain.weights[:-1]:
        h = (w @ h).square()
    outputs = chain.weights[-1] @ h
    ratio = closed_form(chain._replace(y=4 * outputs))[0].norm() / by_autograd(chain)[0].norm()
    assert ratio < 1e-12


def test_an_unknown_activation_is_a_sentence():
    with pytest.raises(SpecError, match="unknown activation 'gelu'"):
        net("gelu")

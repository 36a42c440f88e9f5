"""RegMean against the least squares problem that it solves."""

import torch
from harness.errors import MeasureError
from harness.merging import Given, merge
from harness.merging.regmean import regmean
from pytest import raises


def test_it_is_the_least_squares_solution(normal):
    """off_diagonal 1, ridge 0: rows of W solve stacked X_i w = X_i w_i."""
    w0, experts, inputs = normal(6, 5), [normal(6, 5) for _ in range(3)], [normal(30, 5) for _ in range(3)]
    given = Given(extras=tuple(x.T @ x for x in inputs))
    targets = torch.cat([x @ w.T for x, w in zip(inputs, experts, strict=True)])
    best = torch.linalg.lstsq(torch.cat(inputs), targets).solution.T
    assert torch.allclose(regmean(w0, experts, given, off_diagonal=1.0, ridge=0.0), best, atol=1e-12)


def test_the_formula_with_smaller_off_diagonals(normal):
    w0, experts, inputs = normal(6, 5), [normal(6, 5) for _ in range(2)], [normal(30, 5) for _ in range(2)]
    grams = [x.T @ x for x in inputs]
    shrunk = [0.9 * g + 0.1 * torch.diag(g.diagonal()) for g in grams]
    formula = sum(w @ g for w, g in zip(experts, shrunk, strict=True)) @ torch.linalg.inv(sum(shrunk))
    assert torch.allclose(regmean(w0, experts, Given(extras=tuple(grams)), ridge=0.0), formula, atol=1e-12)
    assert torch.allclose(regmean(w0, experts, Given(extras=tuple(grams))), formula, atol=1e-4)


def test_inputs_that_were_never_active_get_the_mean(normal):
    w0, experts, x = normal(6, 5), [normal(6, 5) for _ in range(2)], normal(30, 5)
    x[:, 2] = 0.0
    given = Given(extras=(x.T @ x, x.T @ x))
    merged = regmean(w0, experts, given)
    assert torch.allclose(merged[:, 2], (experts[0] + experts[1])[:, 2] / 2, atol=1e-9)
    with raises(MeasureError, match="undetermined: give a ridge above 0"):
        regmean(w0, experts, given, ridge=0.0)


def test_what_has_no_gram_matrix_is_averaged_and_half_of_them_refused(model, grams):
    base, experts = model(2)
    extras = grams(base, 2)
    for each in extras:
        del each["wide"]
    merged = merge("regmean", base, experts, extras=extras)
    assert torch.allclose(merged["wide"], (experts[0]["wide"] + experts[1]["wide"]) / 2)
    assert torch.allclose(merged["stack"], (experts[0]["stack"] + experts[1]["stack"]) / 2)
    del extras[0]["tall"]
    with raises(MeasureError, match="regmean needs Gram matrices of the inputs of every expert, and tall lacks some"):
        merge("regmean", base, experts, extras=extras)

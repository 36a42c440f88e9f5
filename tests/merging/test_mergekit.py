"""mergekit (LGPL, never needed at run time) as the oracle of the rules that it has. Skipped where it is not installed."""

import warnings

import pytest
import torch
from harness.merging import merge
from pytest import mark


@pytest.fixture(scope="module")
def oracle():
    """oracle(method, base or None, experts, **parameters): mergekit's state dict."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip("mergekit", reason="mergekit is not installed: pip install --no-deps mergekit immutables")
        try:
            from mergekit.merge_methods.api import merge_state_dicts
        except ImportError as error:
            pytest.skip(f"mergekit does not import here: {error}")

    def run(method, base, experts, **parameters):
        models = {f"expert{at}": expert for at, expert in enumerate(experts)} | ({"base": base} if base is not None else {})
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            return merge_state_dicts(models, method, parameters=parameters, base="base" if base is not None else None)

    return run


CASES = [
    ("mean", {}, "linear", {"weight": 1.0}, False, 3),
    ("task-arithmetic", {"lam": 0.4}, "task_arithmetic", {"weight": 1.0, "lambda": 0.4}, True, 3),
    ("ties", {"density": 0.2}, "ties", {"weight": 1.0, "density": 0.2}, True, 3),
    ("ties", {"density": 0.7, "lam": 0.5}, "ties", {"weight": 1.0, "density": 0.7, "lambda": 0.5}, True, 2),
    ("karcher", {}, "karcher", {"max_iter": 100, "tol": 1e-9}, False, 3),
    ("slerp", {"t": 0.3}, "slerp", {"t": 0.3}, True, 1),
    ("model-stock", {}, "model_stock", {}, True, 3),
    ("ram", {}, "ram", {}, True, 3),
    ("ram-plus", {}, "ramplus_tl", {}, True, 3),
]


IDS = [f"{case[0]}-{case[5]}" for case in CASES]


@mark.parametrize(("ours", "options", "theirs", "parameters", "with_base", "count"), CASES, ids=IDS)
def test_the_result_is_mergekits(ours, options, theirs, parameters, with_base, count, oracle, model):
    base, experts = model(count, relative=0.5)
    if ours.startswith("ram"):  # sparse enough that some changes are unique
        for at, expert in enumerate(experts):
            for key, w in expert.items():
                draw = torch.Generator().manual_seed(at)
                expert[key] = torch.where(torch.rand(w.shape, generator=draw) < 0.4, w, base[key])
    wanted = oracle(theirs, base if with_base else None, experts, **parameters)
    found = merge(ours, base, experts, **options)
    # RAM+'s factor is a fp32 number there
    assert all(torch.allclose(found[key], w, atol=1e-7 if ours == "ram-plus" else 1e-9, rtol=0.0) for key, w in wanted.items())

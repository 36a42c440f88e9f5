import pytest
import torch
from harness.optimizers.base_rules import displacement, moments_of

GROUP = dict(lr=0.01, betas=(0.9, 0.99), eps=1e-8, fused=None)
REFERENCE = {
    "sgd": lambda p: torch.optim.SGD([p], lr=0.01, momentum=0.9),
    "adamw": lambda p: torch.optim.AdamW([p], lr=0.01, betas=(0.9, 0.99), weight_decay=0.0),
    "muon": lambda p: torch.optim.Muon([p], lr=0.01, momentum=0.9, weight_decay=0.0),
}


@pytest.mark.parametrize("base", REFERENCE, ids="base={}".format)
def test_steps_are_those_of_torchs_optimizer(base, stream):
    parameter = torch.nn.Parameter(torch.zeros(9, 4, dtype=torch.float64))
    optimizer, at = REFERENCE[base](parameter), torch.zeros(9, 4, dtype=torch.float64)
    moments = [torch.zeros(9, 4, dtype=torch.float64) for _ in moments_of(base, 0.9)]
    for t, gradient in enumerate(stream((9, 4), 6), 1):
        parameter.grad = gradient.clone()
        optimizer.step()
        at = at + displacement(base, gradient, moments, t, GROUP, 0.9)
        torch.testing.assert_close(at, parameter.detach(), rtol=1e-12, atol=1e-14)


def test_a_displacement_keeps_its_own_precision():
    """From a frame of entries near .5, an fp32 step of 1e-9 could not be read off at all."""
    d = displacement("sgd", torch.full((2, 2), 1.2345678), [], 1, GROUP | {"lr": 1e-9}, 0.0)
    torch.testing.assert_close(d, torch.full((2, 2), -1.2345678e-9), rtol=1e-6, atol=0.0)


def test_muon_of_a_vector_is_the_sign_of_its_momentum(stream):
    """As of a diagonal matrix, whose orthogonal factor is the diagonal of signs."""
    g, buffer = stream((5, 1), 2)[1][:, 0], torch.randn(5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    seen = g.lerp(buffer.lerp(g, 0.1), 0.9)
    u, _, vh = torch.linalg.svd(seen.diag())
    torch.testing.assert_close(displacement("muon", g, [buffer], 1, GROUP, 0.9), -0.01 * (u @ vh).diagonal())


@pytest.mark.parametrize(("base", "momentum", "count"), [("sgd", 0.0, 0), ("sgd", 0.9, 1), ("adamw", 0.9, 2), ("muon", 0.0, 1)])
def test_a_rule_remembers_what_it_needs(base, momentum, count):
    assert len(moments_of(base, momentum)) == count

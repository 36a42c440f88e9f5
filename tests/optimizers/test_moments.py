import pytest
import torch
from harness.optimizers import moments


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_rotation_that_permutes_and_flips_moves_the_moments_alike():
    """C a signed permutation: M goes with the sign, V without, whatever the step."""
    m, v = drawn(4, 7), drawn(4, 7, seed=1).square() + 5.0
    order, sign = torch.tensor([2, 0, 3, 1]), torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
    change = torch.zeros(4, 4, dtype=torch.float64)
    change[torch.arange(4), order] = sign
    wanted = (sign[:, None] * m[order], v[order])
    moments.rotate(m, v, change, 6, (0.9, 0.99))
    torch.testing.assert_close((m, v), wanted)


def test_a_rotated_second_moment_stays_positive():
    m, v = drawn(4, 7), 1e-3 * drawn(4, 7, seed=1).square()
    moments.rotate(m, v, drawn(4, 4, seed=2), 3, (0.9, 0.99))
    assert (v >= 0).all() and v.isfinite().all()


def test_rotated_moments_keep_the_step_on_its_course_where_the_subspace_is_another(stream):
    """Claim T21's direction at random subspaces. At stable ones with aligned signs keeping does better: .96 against .88."""
    from harness.optimizers import Subspace, SubspaceOptimizer

    for seed in range(3):
        cosine = {}
        for policy in ("keep", "rotate"):
            parameter, updates = torch.nn.Parameter(torch.zeros(16, 24, dtype=torch.float64)), []
            options = Subspace(rank=4, projector="stiefel", refresh=10, moments=policy)
            optimizer = SubspaceOptimizer([parameter], subspace=options, seed=seed)
            optimizer.register_probe(lambda look, seen=updates: seen.append(look.update))
            for gradient in stream((16, 24), 31, seed):
                parameter.grad = gradient
                optimizer.step()
            pairs = [(updates[t - 1], updates[t]) for t in (10, 20, 30)]
            cosine[policy] = sum(torch.cosine_similarity(a.flatten(), b.flatten(), 0).item() for a, b in pairs) / 3
        assert cosine["rotate"] > cosine["keep"] + 0.1


@pytest.mark.parametrize(("share", "left"), [(1.0, 0), (0.9, 10), (0.5, 50)])
def test_a_reset_leaves_the_largest_entries(share, left):
    m = drawn(10, 10)
    kept = m.abs().flatten().sort().values[100 - left :]
    moments.reset(m, share)
    assert torch.equal(m[m != 0].abs().sort().values, kept)


def test_factored_moments_are_exact_for_a_gradient_of_rank_one():
    """G = x y^T: its squares are their row means x column means, so what is left is the signs."""
    gradient = torch.outer(drawn(6), drawn(9, seed=1))
    divided = moments.factored(gradient, torch.zeros(6).double(), torch.zeros(9).double(), 1)
    torch.testing.assert_close(divided, gradient.sign())


def test_two_conventions_of_adam_differ_in_eps_alone():
    found = {}
    for eps in (0.0, 1e-2):
        for convention in ("huggingface", "torch"):
            m, v = torch.zeros(3, 4).double(), torch.zeros(3, 4).double()
            for t in range(1, 5):
                n, factor = moments.adam(m, v, drawn(3, 4, seed=t), t, (0.9, 0.999), eps, convention)
            found[eps, convention] = n * factor
    torch.testing.assert_close(found[0.0, "huggingface"], found[0.0, "torch"])
    assert (found[1e-2, "huggingface"] - found[1e-2, "torch"]).abs().max() > 1e-2

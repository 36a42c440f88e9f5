import numpy
import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import Change, entropy_rank, gradient_ranks, noise_ranks, participation_rank, rank_z, stable_rank


def with_values(values, generator, m=20, n=16):
    q = [torch.linalg.qr(torch.randn(side, len(values), generator=generator, dtype=torch.float64)).Q for side in (m, n)]
    return {"w": (q[0] * torch.tensor(values, dtype=torch.float64)) @ q[1].T}


def test_every_count_of_a_known_spectrum(generator):
    """Truth: by hand, of 4, 2, 2, 1."""
    found = gradient_ranks(with_values([4.0, 2.0, 2.0, 1.0], generator))
    q, p = numpy.array([4, 2, 2, 1]) / 9, numpy.array([16, 4, 4, 1]) / 25
    truth = [25 / 16, 625 / 289, numpy.exp(-(q * numpy.log(q)).sum()), numpy.exp(-(p * numpy.log(p)).sum()), 81 / 25]
    assert [column["w"] for column in found] == pytest.approx(truth, rel=1e-5)
    assert found.participation.sizes == {"w": 320}


def test_they_are_the_counts_of_an_update(noisy):
    """Truth: the measures of a Change, where they exist."""
    change = noisy(30, 18, 1.0)
    found = gradient_ranks(change.update)
    for mine, theirs in (
        (found.stable, stable_rank),
        (found.participation, participation_rank),
        (found.entropy_sigma, entropy_rank),
    ):
        assert mine["w"] == pytest.approx(theirs(change)["w"], rel=1e-12)


def test_equal_values_use_all_directions_and_one_uses_one(generator):
    """Limit: an isometry reads q, a rank-1 matrix 1, by every count."""
    for values, rank in (([3.0] * 16, 16), ([2.0], 1)):
        assert [c["w"] for c in gradient_ranks(with_values(values, generator))] == pytest.approx([rank] * 5, rel=1e-6)


@pytest.mark.parametrize("m, n", [(64, 64), (192, 64)])
def test_noise_reads_its_closed_form(m, n, generator):
    """Limit: mean of 8 draws against the limit; within a per cent, but for the stable rank that lies 3 - 6 % above."""
    drawn = [gradient_ranks({"w": torch.randn(m, n, generator=generator)}) for _ in range(8)]
    for i, (kind, truth) in enumerate(noise_ranks({"w": torch.empty(m, n)})._asdict().items()):
        mean = sum(each[i]["w"] for each in drawn) / len(drawn)
        assert mean / truth["w"] == pytest.approx(1.05 if kind == "stable" else 1.0, abs=0.05 if kind == "stable" else 0.015), (
            kind
        )


def test_noise_spreads_participation_least(generator):
    """Why it is the default for z: relative to what is left below it, its spread is a third of the stable rank's."""
    drawn = [gradient_ranks({"w": torch.randn(64, 64, generator=generator)}) for _ in range(20)]

    def spread(kind):
        values = torch.tensor([getattr(each, kind)["w"] for each in drawn])
        return (values.std() / values.mean()).item()

    assert spread("participation") < spread("stable") / 2


def test_a_spike_is_far_from_noise(generator):
    """Plant: an eighth of the energy in one direction, three times."""
    u, v = (torch.nn.functional.normalize(torch.randn(96, generator=generator), dim=0) for _ in range(2))
    for _ in range(3):
        noise = torch.randn(96, 96, generator=generator)
        assert rank_z({"w": noise + 0.35 * 96 * torch.outer(u, v)}, generator)["w"] < -8


def test_z_of_noise_is_small_and_repeats(generator):
    """Limit: noise of several shapes and norms; 20 draws make z 2.1 wide at 5 %, 4.5 at 1e-4."""
    gradients = {
        f"{m}x{n}": 10.0**i * torch.randn(m, n, generator=generator) for i, (m, n) in enumerate([(32, 32), (64, 16), (16, 64)])
    }
    for kind in noise_ranks(gradients)._fields:
        z = rank_z(gradients, torch.Generator().manual_seed(1), kind)
        assert all(abs(value) < 4.5 for value in z.values()), (kind, z)
        assert dict(z) == dict(rank_z(gradients, torch.Generator().manual_seed(1), kind))


def test_a_gradient_of_few_tokens_is_low_rank_whatever_it_learns(generator):
    """Trap: G = sum of d a^T over 8 tokens of pure noise has 8 directions of 48, at z far below 0."""
    d, a = torch.randn(8, 48, generator=generator), torch.randn(8, 48, generator=generator)
    assert gradient_ranks({"w": d.T @ a}).participation["w"] < 8
    assert rank_z({"w": d.T @ a}, generator)["w"] < -20


def test_anisotropic_inputs_make_low_rank_without_a_signal(generator):
    """Trap: signals that know nothing of the inputs, as shuffled targets give, with uneven inputs: a few directions of 48."""
    d = torch.randn(2000, 48, generator=generator)
    a = torch.randn(2000, 48, generator=generator) * torch.arange(1, 49) ** -1.0
    even = torch.randn(2000, 48, generator=generator)
    assert gradient_ranks({"w": d.T @ a}).participation["w"] < 4 < 20 < gradient_ranks({"w": d.T @ even}).participation["w"]


@pytest.mark.parametrize(
    "bad, sentence",
    [
        (torch.zeros(4, 4), "the gradient of w is zero: its rank cannot be read; leave it out"),
        (torch.full((4, 4), float("nan")), "the gradient of w holds entries that are not finite"),
        (torch.ones(4), r"the gradient of w has shape \(4,\): its rank can be read from 2-D matrices only"),
        (None, "the gradient of w is None: its rank cannot be read; run a backward pass"),
    ],
    ids=["zero", "nan", "vector", "none"],
)
def test_what_is_undefined_is_refused(bad, sentence):
    with pytest.raises(MeasureError, match=sentence):
        gradient_ranks({"w": bad})


def test_a_z_without_a_null_is_refused(generator):
    with pytest.raises(MeasureError, match="unknown rank 'effective': use one of stable, participation"):
        rank_z({"w": torch.ones(2, 2)}, generator, "effective")
    with pytest.raises(MeasureError, match="two draws or more, not 1"):
        rank_z({"w": torch.ones(2, 2)}, generator, draws=1)
    with pytest.raises(MeasureError, match="w has one row or column and so rank 1"):
        rank_z({"w": torch.ones(1, 5)}, generator)
    with pytest.raises(MeasureError, match="no gradient was given"):
        gradient_ranks({})


def test_half_precision_gradients_are_upcast(generator):
    g = torch.randn(12, 8, generator=generator).bfloat16()
    assert dict(gradient_ranks({"w": g}).stable) == dict(gradient_ranks({"w": g.double()}).stable)


def test_a_change_and_its_update_agree_on_shapes(generator):
    change = Change({"w": torch.ones(6, 4)}, {"w": torch.randn(6, 4, generator=generator).double()})
    assert noise_ranks(change.update).participation["w"] == pytest.approx(2.4)

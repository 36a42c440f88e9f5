"""The three frames agree with brute force, and with each other."""

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra import FrameStore, base_frame as module
from harness.spectra.base_frame import DirectFrame, FullFrame, KrylovFrame, base_frame
from harness.spectra.principal_angles import principal_angles

SHAPES = [(300, 220), (220, 300), (280, 280)]


def spiked(m, n, generator):
    """Noise under twenty well separated directions, as real weights have them."""
    u = torch.linalg.qr(torch.randn(m, 20, generator=generator)).Q
    v = torch.linalg.qr(torch.randn(n, 20, generator=generator)).Q
    return 0.02 * torch.randn(m, n, generator=generator) + (u * (4.0 * 0.85 ** torch.arange(20))) @ v.T


@pytest.fixture
def pair(generator):
    def draw(m, n, relative=1e-3):
        w0 = spiked(m, n, generator).bfloat16()
        d = torch.randn(m, n, generator=generator)
        return w0, (w0.float() + relative * d * w0.float().norm() / d.norm()).bfloat16()

    return draw


@pytest.fixture
def all_are_large(monkeypatch):
    """Iterate and predict at any size."""
    monkeypatch.setattr("harness.spectra.base_frame.DIRECT_LIMIT", 0)
    monkeypatch.setattr("harness.spectra.krylov.DIRECT_LIMIT", 0)


def truth(w0, w1, cut):
    one, other = (torch.linalg.svd(w.double(), full_matrices=False) for w in (w0, w1))
    shift = torch.linalg.vector_norm(other.S - one.S).item()
    turned = max(
        principal_angles(one.U[:, :cut], other.U[:, :cut])[-1].item(), principal_angles(one.Vh[:cut].T, other.Vh[:cut].T)[-1].item()
    )
    return shift, turned


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("svd_limit", [0, 1000], ids=["gram", "svd"])
def test_a_direct_frame_is_the_decomposition(pair, shape, svd_limit, monkeypatch):
    monkeypatch.setattr("harness.spectra.base_frame.SVD_LIMIT", svd_limit)
    w0, w1 = pair(*shape)
    frame = base_frame(w0)
    assert isinstance(frame, DirectFrame)
    shift, turned = truth(w0, w1, frame.cut)
    moved = frame.moved(w1)
    assert moved.shift == pytest.approx(shift, rel=1e-5) and abs(moved.shift - shift) <= moved.bound
    assert frame.turned(w1).angle == pytest.approx(turned, rel=1e-6)
    assert frame.lead.S.tolist() == pytest.approx(torch.linalg.svdvals(w0.double())[: frame.k].tolist(), rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("relative", [1e-3, 3e-2])
def test_a_partial_frame_finds_what_brute_force_finds(pair, shape, relative, all_are_large):
    w0, w1 = pair(*shape, relative)
    frame = base_frame(w0, "partial")
    assert isinstance(frame, KrylovFrame)
    shift, turned = truth(w0, w1, frame.cut)
    assert frame.moved(w1).shift == pytest.approx(shift, rel=1e-4)
    found = frame.turned(w1)
    assert found.angle == pytest.approx(turned, rel=0.02) and found.route == "krylov"
    assert frame.turned(w1, rough=True).angle == pytest.approx(turned, rel=0.05)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_full_frame_finds_it_too_and_says_how(pair, shape, all_are_large, monkeypatch, tmp_path):
    monkeypatch.setattr("harness.spectra.second_order.EXACT_UP_TO", 0)
    w0, w1 = pair(*shape)
    store = FrameStore(tmp_path, 2**30)
    frame = base_frame(w0, "full", store=store, tolerance=0.5)
    assert isinstance(frame, FullFrame) and list(tmp_path.iterdir())
    shift, turned = truth(w0, w1, frame.cut)
    moved = frame.moved(w1)
    assert moved.route in ("second-order", "gram-fp64")
    assert abs(moved.shift - shift) <= moved.bound
    assert frame.turned(w1).angle == pytest.approx(turned, rel=0.02)


def test_fp32_values_are_named_and_have_no_bound(pair, all_are_large):
    w0, w1 = pair(300, 200)
    moved = base_frame(w0, dtype=torch.float32).moved(w1)
    assert moved.route == "gram-fp32" and moved.bound is None


def test_a_missed_direction_is_refused(pair, all_are_large, monkeypatch):
    """Residuals of a space without its first direction are small: the values say that it is missing."""
    w0, _ = pair(300, 200)
    true = module.gram_passes

    def blind(matrix, gram, k, *how):
        for found in true(matrix, gram, k + 1, *how):
            yield type(found)(*(part[..., 1:] for part in found))

    monkeypatch.setattr(module, "gram_passes", blind)
    with pytest.raises(MeasureError, match="missed a leading direction"):
        base_frame(w0, "partial")


def test_an_unknown_kind_is_refused(weights):
    with pytest.raises(MeasureError, match="unknown frame 'half'"):
        base_frame(weights(4, 4), "half")


@pytest.mark.parametrize("shape", [(1, 30), (30, 1), (2, 2)], ids=str)
def test_the_smallest_matrices_have_a_frame(shape, generator):
    w0 = torch.randn(shape, generator=generator)
    frame = base_frame(w0)
    assert frame.k == frame.cut == 1
    assert frame.turned(w0).angle == pytest.approx(0.0, abs=1e-7)

import weakref

import pytest
import torch

from harness.compression import gaussian_spectra, value_spectra
from harness.errors import MeasureError


def test_values_of_a_stream_are_those_of_a_mapping(generator):
    """Truth: svdvals, whichever way the weights come, and in bf16 as stored."""
    weights = {"a": torch.randn(12, 8, generator=generator), "b": torch.randn(5, 9, generator=generator).bfloat16()}
    found = value_spectra(weights)
    streamed = value_spectra((name, w) for name, w in weights.items())
    for name, w in weights.items():
        torch.testing.assert_close(found[name].values, torch.linalg.svdvals(w.double()), rtol=1e-10, atol=1e-12)
        assert torch.equal(found[name].values, streamed[name].values)
        assert found[name].shape == tuple(w.shape)
    assert (found["a"].q, found["b"].q) == (8, 5)


def test_one_matrix_is_held_at_a_time():
    """When the next is read, the one before is gone."""
    before = []

    def stream():
        for i in range(3):
            assert all(each() is None for each in before)
            yield str(i), watched(torch.eye(4) * (i + 1))

    def watched(tensor):
        before.append(weakref.ref(tensor))
        return tensor

    found = value_spectra(stream())
    assert [s.values[0].item() for s in found.values()] == [1.0, 2.0, 3.0]


def test_gaussian_spectra_have_the_shapes_and_repeat(generator):
    like = value_spectra({"a": torch.ones(30, 20), "b": torch.ones(16, 40)})
    first, second = (gaussian_spectra(like, torch.Generator().manual_seed(2)) for _ in range(2))
    assert {name: s.shape for name, s in first.items()} == {"a": (30, 20), "b": (16, 40)}
    assert all(torch.equal(first[name].values, second[name].values) for name in like)
    assert first["a"].values[0].item() == pytest.approx(30**0.5 + 20**0.5, rel=0.1)


def test_what_has_no_spectrum_is_refused():
    with pytest.raises(MeasureError, match="the weight of w is zero"):
        value_spectra({"w": torch.zeros(3, 3)})
    with pytest.raises(MeasureError, match=r"the weight of w has shape \(3,\)"):
        value_spectra({"w": torch.ones(3)})
    with pytest.raises(MeasureError, match="the weight of w holds entries that are not finite"):
        value_spectra({"w": torch.full((2, 2), float("inf"))})
    with pytest.raises(MeasureError, match="w was given twice"):
        value_spectra([("w", torch.ones(2, 2)), ("w", torch.ones(2, 2))])
    with pytest.raises(MeasureError, match="ranks are allocated to weights: none was given"):
        value_spectra({})

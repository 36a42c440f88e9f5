import copy
from importlib import import_module

import pytest
import torch

from harness.errors import MeasureError
from harness.spectra.logp_mismatch import cached_logps, logp_mismatch, whole_sequence_logps


@pytest.fixture
def model():
    """A tiny model with weights six times as large, so that its logits differ as a trained model's do."""
    from harness.models import tiny

    model = tiny.build(seed=0).model
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(6.0 if p.ndim == 2 else 1.0)
    return model


@pytest.fixture
def ids(generator):
    return torch.randint(3, 15, (32, 12), generator=generator)


def test_both_paths_give_the_log_probability_of_the_tokens(model, ids):
    """Truth: log-softmax of one forward, token by token, fp32."""
    with torch.no_grad():
        logp = model(ids).logits.double().log_softmax(-1)
    wanted = torch.stack([logp[:, t - 1].gather(1, ids[:, t, None]).squeeze(1) for t in range(8, 12)], 1)
    for path in (whole_sequence_logps, cached_logps):
        torch.testing.assert_close(path(model, ids, 8), wanted, rtol=0, atol=1e-5)


def test_bf16_disagrees_more_than_fp16_and_fp32_hardly(model, ids):
    """H34: the step of bf16 is 8 times that of fp16; both are far above fp32's."""
    found = {dtype: logp_mismatch(model, ids, 8, dtype=dtype) for dtype in ("bf16", "fp16", "fp32")}
    assert 4 < found["bf16"].mean / found["fp16"].mean < 16
    assert 4 < found["bf16"].rounding / found["fp16"].rounding < 16
    assert found["fp32"].mean < 1e-6 and found["fp32"].rounding == 0.0
    assert found["bf16"].tokens == 32 * 4


def test_in_fp64_nothing_is_left(model, ids):
    """Limit: two orders of the same arithmetic; the norms of transformers and the softmax stay in fp32."""
    wide = copy.deepcopy(model).double()
    assert (whole_sequence_logps(wide, ids, 8) - cached_logps(wide, ids, 8)).abs().max() < 1e-6


def test_only_tokens_under_the_mask_count(model, ids):
    mask = torch.zeros(32, 4)
    mask[:, 0] = 1
    first = logp_mismatch(model, ids, 8, mask, "bf16")
    alone = logp_mismatch(model, ids[:, :9], 8, dtype="bf16")
    assert first.tokens == alone.tokens == 32
    assert first.rounding == pytest.approx(alone.rounding, abs=1e-6)  # fp32's own rounding, in another shape


def test_the_model_is_left_as_it_was(model, ids):
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    logp_mismatch(model, ids, 8, dtype="fp16")
    assert all(p.dtype == torch.float32 and torch.equal(p, before[name]) for name, p in model.named_parameters())


def test_a_model_that_overflows_the_format_is_said(model, ids):
    """fp16 ends at 65504."""
    with torch.no_grad():
        model.lm_head.weight.mul_(1e6)
    with pytest.raises(MeasureError, match="a log-probability in fp16 is not finite"):
        logp_mismatch(model, ids, 8, dtype="fp16")


def test_a_format_that_the_device_cannot_compute_is_said(model, ids, monkeypatch):
    def lacking(*_):
        raise RuntimeError("\"addmm_impl_cpu_\" not implemented for 'Half'")

    # the package's attribute of this name is the function
    monkeypatch.setattr(import_module("harness.spectra.logp_mismatch"), "cached_logps", lacking)
    with pytest.raises(MeasureError, match="cpu cannot compute this model in fp16"):
        logp_mismatch(model, ids, 8, dtype="fp16")


def test_nothing_to_read_is_refused(model, ids):
    for prompt_length, mask in ((12, None), (0, None), (8, torch.zeros(32, 4))):
        with pytest.raises(MeasureError, match="leave nothing to read"):
            logp_mismatch(model, ids, prompt_length, mask)

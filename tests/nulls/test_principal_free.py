import torch

from harness.nulls.principal_free import principal_free
from harness.spectra import mask_overlap, principal_mask


def test_principal_weights_are_spared_and_all_others_move(arm, generator):
    """Truth: entry by entry."""
    made = principal_free(arm, generator, alpha=0.3)
    for name, w0 in arm.base.items():
        assert torch.equal(made.update[name] == 0, principal_mask(w0, 0.3))


def test_the_measure_reads_no_overlap_in_any_format(arm, generator):
    made = principal_free(arm, generator)
    for dtype in ("bf16", "fp32"):
        assert dict(mask_overlap(made, "principal", dtype=dtype)) == {"v": 0.0, "o": 0.0}

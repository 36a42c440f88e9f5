"""NuMuon's premise: although its updates have full rank, Muon's weights come out of low rank."""

import harness as h

PAPER = h.Paper("numuon", arxiv="2603.03597", title="NuMuon: Nuclear-Norm-Constrained Muon for Compressible LLM Training")


@PAPER.claim(
    "muon-weights-are-low-rank",
    says="Trained with Muon, the matrices have less than half of the stable rank that they were initialised with",
    source="abstract (pronounced low-rank structure despite full-rank updates); another paper says that stable rank is "
    "preserved (sheet 2.8); the half is ours, of a word without a number",
    metric="stable rank of W_T over that of W_0, median matrix",
    bound=h.below(0.5, on="log"),
    null="isotropic",
    plant=h.Control("low_rank", args=(("rank", 4),)),
    expect={"tiny": "open"},
    family="spectrum",
    nightly=True,
)
def test_weights_are_low_rank(lm_muon):
    """The null moves as far in all directions alike, the plant as far in four."""
    return h.gradient_ranks(lm_muon.tuned()).stable / h.gradient_ranks(lm_muon.base).stable

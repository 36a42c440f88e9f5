"""What a low-rank optimizer holds: bytes of its state, exactly, and the peak of a process that trains; see optimizer_memory."""

import harness as h
from suites.benchmarks.optimizer_runs import OPTIMIZERS
from suites.benchmarks.paper import NO_PLANT, PAPER

SHARED = {"source": "step 3, benchmarks: memory against AdamW", "expect": {"tiny": "open"}, "family": OPTIMIZERS}


@PAPER.claim(
    "optimizer-state-bytes",
    says="The state of GaLore, APOLLO, APOLLO-Mini and AdamW has the bytes of the papers' counts, and 32 of counters at most",
    metric="bytes of all tensors of the state equal the count, for all four",
    bound=h.exact(True),
    null=h.variant(rank=12),
    no_plant="the counts are exact: what is planted would be the count itself",
    **SHARED,
)
def test_state_bytes(rank=16):
    """The counts are those of rank 16; at another rank they must not hold."""
    from suites.benchmarks.optimizer_memory import expected_bytes, state_bytes, train

    def held(name):
        _, chosen = train(name, width=64, blocks=1, rank=rank, steps=1)
        return state_bytes(chosen) == 2 * expected_bytes(name, (64, 256), 16)

    return all(held(name) for name in ("adamw", "galore", "apollo", "apollo-mini"))


def peak_below(id, *, share, of, says):
    """Declare how much of AdamW's memory above the weights a method takes."""
    return PAPER.claim(
        id,
        says=says,
        metric=f"peak above the weights with {of} over that with AdamW(fused=True), 67M parameters",
        bound=h.below(share, on="log"),
        null=h.variant(method="adamw"),
        no_plant=NO_PLANT,
        nightly=True,
        **SHARED,
    )


@peak_below(
    "galore-peak", share=0.9, of="GaLore", says="GaLore at rank n/4 takes at least a tenth less memory above the weights"
)
def test_galore_peak(method="galore"):
    return over_adamw(method)


@peak_below(
    "apollo-mini-peak", share=0.9, of="APOLLO-Mini", says="APOLLO-Mini takes at least a tenth less memory above the weights"
)
def test_apollo_mini_peak(method="apollo-mini"):
    return over_adamw(method)


@peak_below(
    "per-layer-peak",
    share=0.5,
    of="GaLore per layer",
    says="GaLore at rank n/4 with gradients freed layer by layer takes at most half of AdamW's memory above the weights",
)
def test_per_layer_peak(method="galore per layer"):
    return over_adamw(method)


def over_adamw(method):
    from suites.benchmarks.optimizer_memory import above_weights, measured

    base = measured("weights")
    return above_weights(method, base) / above_weights("adamw", base)

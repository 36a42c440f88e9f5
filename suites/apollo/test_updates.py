"""What APOLLO's update is made of, and what it remembers: identities, each with the mistake that breaks it."""

import harness as h
from suites.apollo.paper import CALIBRATION, PAPER, RANK
from suites.apollo.scaling import projected_scaling
from suites.subspace_methods.one_matrix import (
    SHAPES,
    STATE_RANK,
    STATE_SHAPE,
    elements,
    gradients,
    rank,
    state_elements,
    stepped,
)


@PAPER.claim(
    "update-has-full-rank",
    says="APOLLO's first update has the rank of the gradient, min(m, n), at projection rank 8 and 1, where GaLore's has rank 8",
    source="Sec. 4 (the raw gradient is what is scaled); sheet T8 (E12)",
    metric="ranks of W_1 - W_0 are min(m, n), min(m, n) and 8",
    bound=h.exact(True),
    null=h.variant(scales="projected"),
    no_plant="an identity: every gradient of full rank must satisfy it",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_update_has_full_rank(rng, scales="raw"):
    """The null scales the projected gradient, as pytorch_optimizer 4.1.0 does under APOLLO's name: rank 8 and 1 there."""

    def full(stream, method, r):
        small = min(stream[0].shape)
        moved = stepped(method, stream, rng, rank=r).moved if scales == "raw" else projected_scaling(stream[0], r, rng)
        return rank(moved) == small

    streams = [gradients(rng, shape, 1) for shape in SHAPES]
    galore = all(rank(stepped("galore", stream, rng, rank=8).moved) == 8 for stream in streams)
    return galore and all(full(stream, method, r) for stream in streams for method, r in (("apollo", 8), ("apollo-mini", 1)))


@PAPER.claim(
    "state-with-stored-projection",
    says="With P stored, as the released code has it, APOLLO remembers m r + 2 n r + 1 numbers of an m x n matrix, not "
    "2 n r + 2",
    source="Tab. 1 says 2 n r + 2; the released code caches P (sheet 2.4, E13: 9217 against 8194)",
    metric="every matrix of the model has exactly so many",
    bound=h.exact(True),
    null=(h.swap(lm_apollo="lm_galore"), h.swap(lm_apollo="lm_adamw")),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state_with_stored_projection(lm_apollo, lm):
    """GaLore, the null, has all of it but the limiter's norm."""
    counted = lm.run(lm_apollo).state_elements()
    sides = {name: sorted(w0.shape) for name, w0 in lm_apollo.base.items()}
    return all(counted[name] == small * RANK + 2 * large * RANK + 1 for name, (small, large) in sides.items())


@PAPER.claim(
    "state-of-mini-with-stored-projection",
    says="With P stored, APOLLO-Mini remembers m + 2 n + 1 numbers of an m x n matrix",
    source="Tab. 1 says 2 n + 2; the released code caches P (sheet 2.4, E13: 577 against 514)",
    metric="every matrix of the model has exactly so many",
    bound=h.exact(True),
    null=h.swap(lm_apollo_mini="lm_apollo"),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
    nightly=True,
)
def test_state_of_mini(lm_apollo_mini, lm):
    counted = lm.run(lm_apollo_mini).state_elements()
    sides = {name: sorted(w0.shape) for name, w0 in lm_apollo_mini.base.items()}
    return all(counted[name] == small + 2 * large + 1 for name, (small, large) in sides.items())


@PAPER.claim(
    "state-is-2nr-plus-2",
    says="With P drawn anew from its seed at each step, APOLLO remembers 2 n r + 2 numbers, seed and norm counted, and "
    "steps the same",
    source="Tab. 1 and Alg. 1; sheet T9: 8194 at 64 x 256 and r = 16, 514 for APOLLO-Mini",
    metric="the count is exact at r = 16 and 1, and the weights after 4 steps are those with P stored, bit for bit",
    bound=h.exact(True),
    null=h.variant(recompute=False),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_state_is_2nr_plus_2(rng, recompute=True):
    """A refresh lies between: the second P must come back from its seed as well."""
    large, seed = max(STATE_SHAPE), 1

    def thrift(method, r):
        stream, state = gradients(rng, STATE_SHAPE, 4), rng.get_state()
        hows = (recompute, False)
        one, two = (stepped(method, stream, rng.set_state(state), rank=r, refresh=2, recompute=how) for how in hows)
        return elements(one.state) + seed == 2 * large * r + 2 and bool((one.moved == two.moved).all())

    return thrift("apollo", STATE_RANK) and thrift("apollo-mini", 1)


@PAPER.claim(
    "less-state-than-galore",
    says="As published, APOLLO remembers fewer numbers than GaLore at equal rank, and APOLLO-Mini fewer than a fiftieth "
    "of AdamW's",
    source="Tab. 1, Tab. 2 (memory)",
    metric="counts at 64 x 256, r = 16",
    bound=h.exact(True),
    null=h.variant(recompute=False),
    no_plant="an identity is counted, not detected",
    expect={"tiny": "supported"},
    family=CALIBRATION,
)
def test_less_state_than_galore(rng, recompute=True):
    """With P stored, as released, APOLLO remembers one number more than GaLore: the null."""
    apollo = state_elements("apollo", rng, rank=STATE_RANK, recompute=recompute)
    mini = state_elements("apollo-mini", rng, rank=1, recompute=recompute)
    return apollo < state_elements("galore", rng, rank=STATE_RANK) and mini < state_elements("adamw", rng) / 50

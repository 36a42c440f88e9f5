"""Fifty adapters read through one frame, beside merging and decomposing each; see adapter_frame_runs."""

import harness as h
from suites.benchmarks.adapter_frame_runs import ADAPTERS
from suites.benchmarks.paper import ITSELF, NO_PLANT, PAPER


def in_a_frame(side, times, expect):
    """Declare that reading fifty adapters of a square matrix in factors is so many times as fast."""
    return PAPER.claim(
        f"adapters-in-one-frame-{side}",
        says=f"Fifty adapters of a {side} x {side} matrix are read in one frame {times} times as fast as merged and decomposed",
        source="step 7, benchmarks: energy blocks, shares of sides, first-order shifts in factors; goal 20 times from 1024 on",
        metric="CPU seconds, one frame and factors over an SVD of each merged matrix",
        bound=h.below(1 / times, on="log"),
        null=ITSELF,
        no_plant=NO_PLANT,
        expect={"tiny": expect},
        family=ADAPTERS,
        nightly=True,
    )


@in_a_frame(256, 5, "open")
def test_adapters_in_one_frame_256(race, rng, contender="ours"):
    return over_merged(race, rng, contender, 256)


@in_a_frame(1024, 20, "supported")
def test_adapters_in_one_frame_1024(race, rng, contender="ours"):
    return over_merged(race, rng, contender, 1024)


@in_a_frame(2048, 20, "supported")
def test_adapters_in_one_frame_2048(race, rng, contender="ours"):
    return over_merged(race, rng, contender, 2048)


def over_merged(race, rng, contender, side):
    from suites.benchmarks.adapter_frame_runs import given, ours, reference

    one = given(side, rng.initial_seed() % 2**31)
    return race(contender, ours=ours(one), reference=reference(one), agree=None)

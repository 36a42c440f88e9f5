"""The stratified mean against a census, its interval against its own promise."""

import math
import random
from statistics import fmean

from pytest import approx, mark

from harness.models.pair import Entry
from harness.models.sample import spread, strata
from harness.report.stratified_mean import geometric, stratified_mean


def test_two_strata_by_hand():
    """W = 3/4, 1/4; V = (3/4)^2 (1 - 2/6) 2/2 + (1/4)^2 (1 - 1/2) 2/1, the second's variance being the first's; one degree."""
    found = stratified_mean({"a": [1.0, 3.0], "b": [10.0]}, {"a": 6, "b": 2})
    half = 12.706204736 * math.sqrt(9 / 16 * 2 / 3 * 2 / 2 + 1 / 16 * 1 / 2 * 2)
    assert (found.value, found.n, found.total) == (approx(0.75 * 2 + 0.25 * 10), 3, 8)
    assert (found.low, found.high) == (approx(found.value - half), approx(found.value + half))


def test_a_census_has_no_error():
    assert stratified_mean({"a": [1.0, 3.0], "b": [10.0]}, {"a": 2, "b": 1})[:3] == approx((14 / 3, 14 / 3, 14 / 3))


def test_what_cannot_be_had_is_none():
    assert stratified_mean({}, {}) is None
    assert stratified_mean({"a": [1.0], "b": [2.0]}, {"a": 2, "b": 2})[1:3] == (None, None)
    assert geometric({"a": [1.0, 0.0]}, {"a": 4}) is None


def test_a_stratum_without_values_is_not_spoken_of():
    assert stratified_mean({"a": [1.0, 2.0], "b": []}, {"a": 4, "b": 100}).total == 4


def test_equal_values_are_the_interval():
    assert stratified_mean({"a": [2.0, 2.0], "b": [2.0]}, {"a": 9, "b": 9})[:3] == (2.0, 2.0, 2.0)


@mark.parametrize("size", [2, 4, 8])
def test_the_interval_covers_what_it_promises(size):
    """Random samples of seven modules of 32 whose means and spreads differ: 95 % within three standard errors of 1000 trials.

    At two a stratum Satterthwaite's degrees of freedom, estimated from one each, come out low: it covers .98.
    """
    rng = random.Random(size)
    population = {h: [rng.gauss(h, 0.2 + 0.2 * h) for _ in range(32)] for h in range(7)}
    truth, sizes = fmean(value for values in population.values() for value in values), dict.fromkeys(population, 32)
    trials, hits = 1000, 0
    for _ in range(trials):
        found = stratified_mean({h: rng.sample(values, size) for h, values in population.items()}, sizes)
        hits += found.low <= truth <= found.high
    error = 3 * math.sqrt(0.95 * 0.05 / trials)
    assert 0.95 - error < hits / trials < (0.99 if size == 2 else 0.95 + error)


def test_it_covers_with_one_matrix_in_most_strata():
    """Two strata of seven have two: their pooled variance stands for the rest, which holds where variances are alike."""
    rng = random.Random(0)
    population = {h: [rng.gauss(h, 1.0) for _ in range(32)] for h in range(7)}
    truth, sizes = fmean(value for values in population.values() for value in values), dict.fromkeys(population, 32)
    hits = 0
    for _ in range(1000):
        found = stratified_mean({h: rng.sample(values, 1 + (h < 2)) for h, values in population.items()}, sizes)
        hits += found.low <= truth <= found.high
    assert hits / 1000 > 0.90


@mark.parametrize("count", [14, 21, 40])
def test_prefixes_of_spread_cover_at_least_as_well(count):
    """Relative norms that rise with depth by a factor of four, a module's own size, and 20 % of chance: as fine-tunes look."""
    rng, hits, trials = random.Random(count), 0, 300
    entries = [Entry(f"layers.{i}.m{h}", i, f"m{h}", (8, 8), "", "") for i in range(32) for h in range(7)]
    taken = spread(entries)[:count]
    for _ in range(trials):
        values = {e.name: math.exp(rng.gauss(math.log(4) * e.layer / 32 + 0.3 * int(e.module[1:]), 0.2)) for e in entries}
        truth = math.exp(fmean(map(math.log, values.values())))
        sampled = {name: [values[e.name] for e in members if e in taken] for name, members in strata(entries).items()}
        found = geometric(sampled, {name: len(members) for name, members in strata(entries).items()})
        hits += found.low <= truth <= found.high
    assert hits / trials > 0.93

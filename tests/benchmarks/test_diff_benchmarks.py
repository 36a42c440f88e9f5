"""What is timed is what is meant: both ways say the same of one pair, the disk's bytes are the pair's, the table judges rightly."""

import pytest
from harness.errors import MeasureError
from suites.benchmarks.diff_disk import rates, written
from suites.benchmarks.diff_floor import floor
from suites.benchmarks.diff_memory import peak
from suites.benchmarks.diff_runs import agree, leading, matrices, naive, on_cpu, reader, rows
from suites.benchmarks.diff_table import Line, faster, whole_model
from suites.benchmarks.race import Seconds
from suites.benchmarks.weightwatcher_peer import ours, single


@pytest.mark.parametrize("shape", [(300, 300), (300, 700), (700, 300)])
def test_reader_and_two_svds_agree(shape):
    pair = matrices(shape)
    found, theirs = rows(reader(pair), pair.w1), naive(pair, leading(shape))
    agree(found, theirs)
    with pytest.raises(MeasureError, match="do not lead to the same result"):
        agree(found, [2 * each for each in theirs])


def test_a_run_on_the_cpu_says_what_it_took():
    assert isinstance(on_cpu(lambda: sum(range(10**5)))(), Seconds)


def test_the_floor_is_below_the_diff(tmp_path):
    pair = matrices((1100, 1100))
    least = floor(pair, read_rate=1e9)
    assert least.reading == pytest.approx(2 * 2 * 1100**2 / 1e9)
    assert 0 < least.products < least.eigenvalues < least.seconds


def test_what_changed_on_disk_is_counted(tmp_path):
    paths = written(tmp_path, "0.1b", 1)
    cold, warm = (rates(*paths, cold, rounds=1) for cold in (True, False))
    assert 0 < cold.changed == warm.changed
    assert min(cold.read, cold.count, warm.read, warm.count) > 0


def test_a_peak_is_of_another_process(tmp_path):
    assert 0.1 < peak(*written(tmp_path, "0.1b", 1), where="q_proj") < 1.0


def test_norms_and_stable_rank_from_values():
    matrix = matrices((64, 96)).w0
    [[spectral, frobenius, stable]] = ours(single(matrix))
    wide = matrix.double()
    assert spectral == pytest.approx(wide.svd().S[0].item())
    assert frobenius == pytest.approx(wide.norm().item())
    assert stable == pytest.approx((frobenius / spectral) ** 2)


def test_a_goal_is_met_from_the_right_side():
    assert str(faster("a", "b", 1.0, 6.0, 5)).endswith("| 6.00 | ≥ 5 | yes |")
    assert str(faster("a", "b", 2.0, 6.0, 5)).endswith("| 3.00 | ≥ 5 | no |")
    assert str(Line("a", "b", 0.9, None, "GiB", 0.9, 1, most=True)).endswith("| 0.9 GiB | – | 0.90 | ≤ 1 | yes |")


def test_a_whole_model_is_four_and_three_matrices_a_layer():
    lines = [faster("all rows, values in fp64, against", shape, own, 10.0, 5) for shape, own in (("square", 1.0), ("wide", 2.0))]
    assert "32 x (4 x 1.0 + 3 x 2.0) = 320 CPU-s = 3 min" in whole_model(lines)

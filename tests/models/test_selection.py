import pytest

from harness.errors import ModelError
from harness.models import selection
from harness.models.pair import Pair

SIZE = 48 * 32


@pytest.fixture
def base(checkpoint):
    return checkpoint("base")


def names(chosen):
    return [entry.name for entry in chosen.entries]


def test_all_matrices_are_taken_where_they_fit(base, checkpoint, noise):
    pair = Pair(base, checkpoint("tuned", noise))
    chosen = selection.select([pair])
    assert chosen.entries == pair.entries and chosen[1:] == (4, 0, 0)


@pytest.mark.parametrize(("limit", "kept"), [(4 * SIZE, 4), (4 * SIZE - 1, 3), (2 * SIZE, 2), (1, 1)])
def test_what_does_not_fit_is_left_out_evenly(limit, kept, base, checkpoint, noise):
    chosen = selection.select([Pair(base, checkpoint("tuned", noise))], limit)
    assert (len(chosen.entries), chosen.common, chosen.left) == (kept, 4, 4 - kept)
    if kept == 2:  # one of each module
        assert {entry.module for entry in chosen.entries} == {"mlp.up_proj", "mlp.gate_proj"}


def test_a_matrix_that_stayed_in_any_checkpoint_is_left_out_of_all(base, checkpoint, noise):
    turn = iter(range(4))
    frozen = checkpoint("frozen", lambda w0, draw: w0 if next(turn) == 0 else noise(w0, draw))
    chosen = selection.select([Pair(base, checkpoint("tuned", noise)), Pair(base, frozen)])
    assert (len(chosen.entries), chosen.unmoved) == (3, 1) and "layers.0.mlp.up_proj" not in names(chosen)


def test_left_out_matrices_take_no_room(base, checkpoint, noise):
    turn = iter(range(4))
    frozen = checkpoint("frozen", lambda w0, draw: w0 if next(turn) < 2 else noise(w0, draw))
    chosen = selection.select([Pair(base, frozen)], 2 * SIZE)
    assert names(chosen) == ["layers.1.mlp.gate_proj", "layers.1.mlp.up_proj"]
    assert chosen.unmoved + chosen.left == 2


def test_only_what_all_pairs_have_is_taken(base, checkpoint, noise):
    pairs = [Pair(base, checkpoint("a", noise)), Pair(base, checkpoint("b", noise), where="layers.1.")]
    assert names(selection.select(pairs)) == ["layers.1.mlp.gate_proj", "layers.1.mlp.up_proj"]


def test_rounding_alone_is_a_move(base, checkpoint):
    import torch

    pair = Pair(base, checkpoint("half", dtype=torch.bfloat16))
    assert len(selection.select([pair]).entries) == 4


def test_nothing_in_common_and_nothing_moved_are_refused(base, checkpoint, noise):
    tuned = checkpoint("tuned", noise)
    with pytest.raises(ModelError, match="no matrix in common"):
        selection.select([Pair(base, tuned, where="layers.0"), Pair(base, tuned, where="layers.1")])
    with pytest.raises(ModelError, match="no matrix moved in all of the checkpoints"):
        selection.select([Pair(base, base)])

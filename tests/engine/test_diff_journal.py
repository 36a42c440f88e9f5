"""A diff's journal: what of an earlier try still holds."""

import os

import pytest
from harness.engine.diff_journal import Journal, Line
from harness.engine.diff_plan import Asked, opened
from harness.errors import StoreError

NAME = "layers.0.mlp.up_proj"
LINE = Line(NAME, None, 3, [{"metric": "norm", "value": 1.0}], 0.5)


@pytest.fixture
def sides(small_model, tmp_path):
    return small_model(tmp_path / "base"), small_model(tmp_path / "tuned", noise=0.1)


def journal(sides, tmp_path, **given):
    asked = Asked(*sides, **given)
    return Journal(tmp_path / "results", asked, opened(asked).steps)


def test_a_line_comes_back(sides, tmp_path):
    journal(sides, tmp_path).add(LINE)
    assert journal(sides, tmp_path).known == {(NAME, None): LINE}


def test_nothing_is_made_before_the_first_line(sides, tmp_path):
    journal(sides, tmp_path).remove()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(("wanted", "holds"), [(3, True), (0, True), (5, False)])
def test_draws_hold_where_as_many_or_none_are_wanted(wanted, holds, sides, tmp_path):
    first = journal(sides, tmp_path)
    first.add(LINE)
    assert ((NAME, None, wanted) in first) is holds


@pytest.mark.parametrize("other", [{"seed": 1}, {"where": "mlp"}, {"frame": "full"}, {"tolerance": 0.1}], ids=str)
def test_other_settings_have_another_journal(other, sides, tmp_path):
    assert journal(sides, tmp_path).path != journal(sides, tmp_path, **other).path


@pytest.mark.parametrize("other", [{"budget": 5.0}, {"draws": 5}, {"nulls": "sample"}], ids=str)
def test_what_a_row_does_not_depend_on_has_the_same(other, sides, tmp_path):
    assert journal(sides, tmp_path).path == journal(sides, tmp_path, **other).path


@pytest.mark.parametrize("side", [0, 1], ids=["base", "tuned"])
def test_a_checkpoint_written_anew_is_measured_anew(side, sides, tmp_path):
    journal(sides, tmp_path).add(LINE)
    os.utime(f"{sides[side]}/model.safetensors", ns=(1, 1))
    assert journal(sides, tmp_path).known == {}


@pytest.mark.parametrize("damage", [b'\n{"name": "lay', b"\n\xff\xfe\n", b"\n[1, 2]\n", b'\n{"a": 1}\n'], ids=["cut", "bytes", "list", "keys"])
def test_a_damaged_line_costs_itself_alone(damage, sides, tmp_path):
    first = journal(sides, tmp_path)
    first.add(LINE)
    with first.path.open("ab") as file:
        file.write(damage)
    first.add(LINE._replace(name="layers.1.mlp.up_proj"))
    assert len(journal(sides, tmp_path).known) == 2


def test_a_disk_that_refuses_is_one_sentence(sides, tmp_path):
    (tmp_path / "results").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"cannot write .*diff-.*\.partial: Not a directory; free space, and ask again"):
        journal(sides, tmp_path).add(LINE)

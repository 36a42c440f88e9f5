import pytest

from harness.errors import SpecError
from harness.tasks.affine import MAPS, NUMBERS, Affine, coefficients


def test_every_map_is_its_formula():
    """Truth: a = 0, b = 6 of map 3 is 4 * 0 + 2 * 6 + 3."""
    assert coefficients(3) == (4, 2, 3)
    answers = {p.prompt: p.answer for p in Affine().space()}
    assert len(answers) == MAPS * len(NUMBERS) ** 2 and answers["3ag="] == "15"
    assert len({coefficients(i) for i in range(MAPS)}) == MAPS


def test_one_map_is_a_part_of_all_with_its_split():
    every, one = Affine(), Affine(first=4, maps=1)
    assert {p.prompt[0] for p in one.space()} == {"4"} and set(one.space()) < set(every.space())
    assert one.size("test") == sum(every.is_held_out(p.group) for p in one.space())


def test_a_symmetric_map_holds_out_both_orders_together():
    """Map 0 is a + b; map 1 is not symmetric."""
    groups = {p.prompt: p.group for p in Affine().space()}
    assert groups["0bc="] == groups["0cb="] and groups["1bc="] != groups["1cb="]


def test_maps_that_are_not_there_are_refused():
    for sizes in (dict(first=-1), dict(maps=0), dict(first=3)):
        with pytest.raises(SpecError, match="There are 10 affine maps, from 0 on"):
            Affine(**sizes)

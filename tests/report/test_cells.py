"""Cells of a terminal are counted, not characters."""

import pytest
from harness.report.cells import columns, cut, fitted, folded, padded, width_of


@pytest.mark.parametrize(("text", "cells"), [("", 0), ("abc", 3), ("模型", 4), ("é", 1), ("e\u0301", 1), ("–", 1)])
def test_wide_and_combining_characters(text, cells):
    assert width_of(text) == cells


def test_columns_of_wide_characters_stand_below_each_other():
    assert columns([("模型", "1"), ("ab", "10")], [False, True]) == ["模型   1", "ab    10"]
    assert padded("模", 4) == "模  " and padded("模", 4, right=True) == "  模"
    assert columns([]) == []


@pytest.mark.parametrize(("width", "shown"), [(6, "模型ab"), (5, "模型…"), (4, "模…"), (1, "…"), (0, "")])
def test_cut(width, shown):
    assert cut("模型ab", width) == shown


@pytest.mark.parametrize("width", [5, 8, 13, 40])
@pytest.mark.parametrize("text", ["one two three four", "a" * 30 + " b", "模型" * 9, "", "  x  "], ids=repr)
def test_folded_lines_fit_and_lose_nothing(text, width):
    lines = folded(text, width, " ", "   ")
    assert max(map(width_of, lines)) <= width
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_words_are_kept_whole_where_they_fit():
    assert folded("why it straddles here", 12, " ", "   ") == [" why it", "   straddles", "   here"]


def test_a_line_that_fits_keeps_its_blanks():
    assert fitted("a   b", 5) == ["a   b"]
    assert fitted("a   b", 4) == ["a b"]

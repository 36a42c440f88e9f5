import pytest
from harness.errors import SpecError
from harness.merging import RULES
from harness.merging.options import OPTIONS
from harness.merging.registry import RULES as SAME
from harness.merging.rule import find
from pytest import mark, raises


def test_text_is_read_like_values():
    rule = RULES["ota"]
    assert rule.take({"mask": ".3", "rank-one": "true", "power": "1"}) == rule.take({"mask": 0.3, "rank_one": True, "power": 1})
    assert rule.take({"mask": "none"})["mask"] is None
    assert RULES["ties"].take({"lambda": ".5"})["lam"] == 0.5
    assert RULES["karcher"].take({"iterations": "20"})["iterations"] == 20


@mark.parametrize(
    ("method", "options", "says"),
    [
        ("ties", {"density": 0.0}, "ties: density = 0.0 cannot be: give a number above 0 and at most 1."),
        ("ties", {"density": "all"}, "ties: density = 'all' cannot be"),
        ("ties", {"lam": float("nan")}, "ties: lam = nan cannot be: give a finite number"),
        ("ties", {"densitty": 0.2}, "ties has no option 'densitty': did you mean 'density'"),
        ("ties", {"lam": 1, "lambda": 1}, "ties: the option lam is given twice"),
        ("ties", {"scope": "layer"}, "give one of model, tensor"),
        ("dare", {"drop": 1.0}, "a number from 0 to below 1"),
        ("mean", {"lam": 1.0}, "mean has no option 'lam': it has none"),
        ("karcher", {"iterations": 1.5}, "a whole number of at least 1"),
        ("ota", {"rank_one": "perhaps"}, "give true or false"),
        ("ota", {"mask": 2}, "a number above 0 and at most 1, or none"),
        ("iso", {"most": 0}, "a number above 0"),
        ("slerp", {"t": True}, "a number from 0 to 1"),
    ],
)
def test_bad_options_are_one_sentence(method, options, says):
    with raises(SpecError) as error:
        RULES[method].take(options)
    assert says in str(error.value) and "\n" not in str(error.value)


@mark.parametrize("name", sorted(RULES))
def test_defaults_are_values_that_options_may_have(name):
    rule = RULES[name]
    assert rule.take(rule.options) == rule.options and set(rule.options) <= set(OPTIONS)


def test_names_are_found_and_near_ones_suggested():
    assert find(SAME, "Task_Arithmetic") is RULES["task-arithmetic"]
    with raises(SpecError, match="there is no merging rule 'karchr': did you mean 'karcher'"):
        find(SAME, "karchr")
    with pytest.raises(SpecError, match="use one of mean, "):
        find(SAME, "zzz")

import pytest
from harness.claims.names import MOST, plain, unknown
from harness.errors import SpecError


def test_the_nearest_name_is_named():
    assert str(unknown("arm", "rlvrr", ["rlvr", "sft"])) == "unknown arm 'rlvrr': did you mean 'rlvr'?"


def test_few_names_are_all_listed():
    assert str(unknown("arm", "zzz", ["sft", "rlvr"])) == "unknown arm 'zzz': known are rlvr, sft."
    assert str(unknown("arm", "zzz", [])) == "unknown arm 'zzz': known are none so far."


def test_of_many_names_the_shortest_are_listed():
    says = str(unknown("arm", "zzz", ["rlvr", "sft", *(f"rlvr_lora_of_{i}" for i in range(400))]))
    assert says.startswith("unknown arm 'zzz': there are 402, such as rlvr, rlvr_lora_of_0, ")
    assert says.count(",") == MOST and ", sft." in says


@pytest.mark.parametrize("name", ["Upper", "a b", "", "../up", 3])
def test_a_name_that_does_not_fit_a_path_is_refused(name):
    with pytest.raises(SpecError, match="cannot be used as a name"):
        plain("paper", name)

import pytest

from harness.errors import SpecError
from harness.tasks import registry
from harness.tasks.addition import Addition


@pytest.mark.parametrize("name", registry.TASKS)
def test_a_task_is_found_by_its_own_name(name):
    assert registry.get(name).name == name


def test_sizes_replace_the_defaults():
    assert registry.get("addition", high=49) == Addition(high=49)
    assert registry.TASKS["addition"] == Addition(high=49)


def test_unknown_task_suggests_the_nearest():
    with pytest.raises(SpecError, match="unknown task 'adition': did you mean 'addition'"):
        registry.get("adition")


def test_unknown_task_lists_all_if_none_is_near():
    with pytest.raises(SpecError, match=f"there are {', '.join(sorted(registry.TASKS))}"):
        registry.get("xyz")
    assert {"addition", "chain", "fewshot_addition", "sorting"} < registry.TASKS.keys()


def test_unknown_size_is_an_error():
    with pytest.raises(SpecError, match="task 'sorting' has no size 'high'"):
        registry.get("sorting", high=3)

import pytest

from harness.errors import ModelError
from harness.models.pair import trajectory


def touch(folder, *names):
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_steps_come_in_numerical_order(tmp_path):
    touch(tmp_path, *(f"{name}/config.json" for name in ("checkpoint-1000", "checkpoint-200", "logs", "checkpoint-30.tmp")))
    assert trajectory(tmp_path) == [(200, tmp_path / "checkpoint-200"), (1000, tmp_path / "checkpoint-1000")]


@pytest.mark.parametrize("name", ["step_200", "step200", "200", "global_step_200", "epoch-1_step-0200", "run.iter200"])
def test_ways_to_write_a_step(name, tmp_path):
    touch(tmp_path, f"{name}/config.json")
    assert trajectory(tmp_path) == [(200, tmp_path / name)]


@pytest.mark.parametrize("inside", ["actor", "actor/huggingface", "hf"])
def test_weights_further_in_are_found(inside, tmp_path):
    touch(tmp_path, f"global_step_50/{inside}/config.json", "global_step_50/critic/config.json")
    assert trajectory(tmp_path) == [(50, tmp_path / "global_step_50" / inside)]


def test_adapters_and_lone_files_are_steps(tmp_path):
    touch(
        tmp_path,
        "checkpoint-3/adapter_config.json",
        "weights-000100.safetensors",
        "model-00001-of-00002.safetensors",
        "notes-7.txt",
    )
    assert trajectory(tmp_path) == [(3, tmp_path / "checkpoint-3"), (100, tmp_path / "weights-000100.safetensors")]


def test_two_of_one_step_are_refused(tmp_path):
    touch(tmp_path, "a-5/config.json", "b-5/config.json")
    with pytest.raises(ModelError, match="has two checkpoints of step 5: move b-5 elsewhere"):
        trajectory(tmp_path)


def test_no_steps_are_refused(tmp_path):
    touch(tmp_path, "final/config.json")
    with pytest.raises(ModelError, match="holds no checkpoints: its sub-folders must end in a step"):
        trajectory(tmp_path)


def test_no_folder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="is not a folder"):
        trajectory(tmp_path / "nothing")

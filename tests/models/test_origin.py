"""Swapped sides are asked about where the files say so, and only there."""

import json
import os

import pytest
from harness.models.origin import swapped


@pytest.fixture
def sides(tmp_path):
    folders = tmp_path / "Llama-8B", tmp_path / "llama-8b-rl"
    for age, folder in enumerate(folders):
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_bytes(b"")
        os.utime(folder / "model.safetensors", (1e9 + age, 1e9 + age))
    return folders


def name(folder, origin):
    (folder / "config.json").write_text(json.dumps({"_name_or_path": origin}))


def card(folder, text):
    (folder / "README.md").write_text(f"---\nlicense: mit\n{text}\n---\n# A model\nbase_model: not here\n")


def test_folders_that_say_nothing_are_not_asked_about(sides):
    assert swapped(*sides) is None and swapped(*reversed(sides)) is None


@pytest.mark.parametrize("origin", ["meta-llama/Llama-8B", "/models/llama-8b", "Llama-8B"])
def test_a_config_that_names_the_other_side(sides, origin):
    base, tuned = sides
    name(tuned, origin)
    assert swapped(base, tuned) is None
    assert swapped(tuned, base) == "the base looks as if it came from the tuned one (it names it as its origin): are they swapped?"


@pytest.mark.parametrize("text", ["base_model: meta-llama/Llama-8B", "base_model:\n- meta-llama/Llama-8B", 'base_model: "meta-llama/Llama-8B"'])
def test_a_model_card_that_names_the_other_side(sides, text):
    card(sides[1], text)
    assert swapped(*sides) is None and swapped(*reversed(sides))


def test_a_folder_of_the_hubs_cache_has_the_hubs_name(sides, tmp_path):
    snapshot = tmp_path / "models--meta-llama--Llama-8B" / "snapshots" / "0e9e39f249a16976918f6564b8830bc894c89659"
    snapshot.parent.mkdir(parents=True)
    sides[0].rename(snapshot)
    name(sides[1], "meta-llama/Llama-8B")
    assert swapped(sides[1], snapshot) and swapped(snapshot, sides[1]) is None


def test_a_trainers_state_counts_with_newer_weights_only(sides):
    base, tuned = sides
    (tuned / "trainer_state.json").write_text("{}")
    assert "it has a trainer's trainer_state.json and newer weights" in swapped(tuned, base)
    (base / "optimizer.pt").write_bytes(b"")
    assert swapped(tuned, base) is None
    (tuned / "trainer_state.json").unlink()
    assert swapped(base, tuned) is None  # an older checkpoint of a run that went on


def test_a_side_that_names_itself_is_no_evidence(sides):
    name(sides[0], "Llama-8B")
    name(sides[1], "llama-8b-rl")
    assert swapped(*sides) is None and swapped(*reversed(sides)) is None


@pytest.mark.parametrize("content", ["{", "[]", '{"_name_or_path": 3}', "[" * 100_000], ids=["cut", "list", "number", "deep"])
def test_a_damaged_config_says_nothing(sides, content):
    (sides[1] / "config.json").write_text(content)
    assert swapped(*reversed(sides)) is None


def test_lone_files_say_nothing(sides, tmp_path):
    assert swapped(sides[0] / "model.safetensors", sides[1]) is None
    assert swapped(tmp_path / "nowhere", sides[1]) is None

"""A saved tiny model to spoil, and a cache of its own for whatever a test converts."""

import pytest


@pytest.fixture
def tiny_folder(tmp_path):
    """A model folder as save_pretrained writes it: safetensors, config, tokenizer."""
    from harness.models import tiny
    from harness.models.quiet import quiet_transformers

    model, tokenizer = tiny.build(seed=0)
    with quiet_transformers():
        model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty cache folder, for this test only."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"

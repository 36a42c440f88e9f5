from pathlib import Path

from harness.models.paths import cache_dir


def test_environment_decides(monkeypatch, tmp_path):
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "here"))
    assert cache_dir() == tmp_path / "here"


def test_relative_path_counts_from_the_working_directory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", "here")
    assert cache_dir() == Path.cwd() / "here"


def test_checkout_is_the_default(monkeypatch, tmp_path):
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    monkeypatch.chdir(tmp_path)
    assert cache_dir() == Path(__file__).parents[2] / ".cache" / "harness"

"""Models as fixtures: loaded when first used, once per seed."""

from pytest import raises

from harness.errors import ModelError
from harness.models import scales
from harness.models.handle import Handle


def test_a_handle_loads_once_per_seed():
    handle = Handle(scales.get("tiny"))
    assert handle.load(seed=1) is handle.load(seed=1)
    assert handle.load(seed=1) is not handle.load(seed=2)


def test_a_scale_without_a_folder_has_no_matrices_to_stream():
    with raises(ModelError, match="made by training"):
        Handle(scales.get("tiny")).matrices()


def test_models_are_fixtures_by_name(tiny):
    assert sum(p.numel() for p in tiny.load().model.parameters()) < 200_000

import subprocess
import sys

import pytest

from harness.errors import ModelError
from harness.models import scales


def test_four_scales_from_small_to_large():
    assert list(scales.SCALES) == ["tiny", "small", "medium", "large"]
    assert [scales.get(name).source for name in scales.SCALES] == ["config", "wheel", "hub", "hub"]


def test_unknown_scale_suggests_the_nearest():
    with pytest.raises(ModelError, match="unknown scale 'tinny': did you mean 'tiny'"):
        scales.get("tinny")


def test_unknown_scale_lists_all_if_none_is_near():
    with pytest.raises(ModelError, match="there are tiny, small, medium, large"):
        scales.get("xyz")


@pytest.mark.parametrize("path, name", [("/a/b/mine", "custom:mine"), ("./mine/", "custom:mine"), ("owner/mine", "custom:mine")])
def test_own_model_is_named_after_the_last_part(path, name):
    assert scales.custom(path).name == name


def test_scales_need_no_torch():
    code = "import sys, harness.models.scales, harness.models.load, harness.models.weights; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)

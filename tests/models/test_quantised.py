"""A quantised base is refused by what its config says; what is read anyway is not."""

import pytest
from harness.errors import ModelError
from harness.models.quantised import method, refuse_config


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({}, None),
        ({"quantization_config": None}, None),
        ({"quantization_config": [1]}, None),
        ({"quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]}}, None),
        ({"quantization_config": {"quant_method": "mxfp4"}}, None),
        ({"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}}, "bitsandbytes"),
        ({"quantization_config": {"load_in_8bit": True}}, "bitsandbytes"),
        ({"quantization_config": {"quant_method": "awq"}}, "awq"),
        ({"quantization_config": {"bits": 4}}, "an unnamed method"),
    ],
    ids=str,
)
def test_the_method_is_read_off_the_config(config, name):
    assert method(config) == name


def test_the_refusal_is_one_sentence_that_says_what_to_do():
    with pytest.raises(ModelError) as refused:
        refuse_config("base", {"quantization_config": {"load_in_4bit": True}})
    said = str(refused.value)
    assert said.startswith("base is quantised (bitsandbytes), and adapters are put on") and "model.dequantize()" in said
    assert "\n" not in said
    refuse_config("base", {"model_type": "llama"})

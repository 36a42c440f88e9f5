"""An adaptation is refused with one sentence when its recipe is built, and comes out of a manifest as it went in."""

import json
import subprocess
import sys
from dataclasses import asdict

import pytest
from harness.errors import SpecError
from harness.models.adapters import OPTIMIZERS, TUNERS, Adaptation


PROMPTS = ("prompt_tuning", "prefix_tuning", "p_tuning", "mpt", "cpt", "cartridge", "adaption_prompt")


@pytest.mark.parametrize(
    ("tuner", "why"),
    [
        ("prompt_tuning", "it trains vectors before the sequence, so that there is no update of a matrix to ask for"),
        *((name, "it trains vectors before the sequence") for name in PROMPTS[1:]),
        ("xlora", "its update depends on the input, so that it is no matrix"),
        ("ln_tuning", "it trains the gains of norms"),
        ("layer_replication", "copies of a layer share one weight"),
        ("loftq", "LoftQ needs bitsandbytes"),
    ],
)
def test_tuners_without_an_update_of_a_matrix_say_why(tuner, why):
    with pytest.raises(SpecError, match=f"^An arm cannot train {tuner}: {why}[^.]*\\.$"):
        Adaptation(tuner)


@pytest.mark.parametrize("tuner", [t for t, row in TUNERS.items() if row.trains])
def test_all_others_can_be_asked_for(tuner):
    assert Adaptation(tuner).row is TUNERS[tuner]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"tuner": "milora2"}, "There is no tuner 'milora2'; use one of lora, .* Did you mean 'milora'[?]$"),
        ({"tuner": "lora", "rank": 0}, "A rank of 0 is no rank"),
        ({"tuner": "lora", "targets": ()}, "needs the names of the layers"),
        ({"tuner": "lora", "optimizer": "muon"}, "Optimizer 'muon' of an adapter is not known; use None, loraplus, lorafa, riemannian"),
        ({"tuner": "oft", "optimizer": "loraplus"}, "loraplus steps the factors of LoRA; oft has none"),
    ],
)
def test_what_cannot_be_is_one_sentence(given, says):
    with pytest.raises(SpecError, match=says):
        Adaptation(**given)


def test_it_comes_out_of_a_manifest_as_it_went_in():
    how = Adaptation("adalora", settings=(("total_step", 30), ("tinit", 5)), targets=("q_proj",), seed=3)
    assert Adaptation.stored(json.loads(json.dumps(asdict(how)))) == how


def test_an_update_that_cannot_be_merged_can_be_trained():
    assert not Adaptation("lora_bias").merges and Adaptation("lora").merges and None in OPTIMIZERS


def test_neither_torch_nor_peft_is_imported():
    code = "import sys, harness.models.adapters; sys.exit(bool({'torch', 'peft'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

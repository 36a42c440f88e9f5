import math

import pytest

from harness.claims import CONTROLS, Control, null, plant, swap, variant
from harness.claims.controls import as_controls
from harness.errors import SpecError


def test_a_stored_control_outlives_its_surrogate():
    stored = null("isotropic").to_dict() | {"name": "long_gone"}
    assert Control.from_dict(stored).label() == "long_gone"


@pytest.mark.parametrize(
    ("control", "label"),
    [
        (null("isotropic"), "isotropic"),
        (null("isotropic", on="sft"), "isotropic(on=sft)"),
        (plant("scaled_spectrum", on="*", strength=0.5, k=8), "scaled_spectrum(on=*, k=8, strength=0.5)"),
        (variant(k=8), "variant(k=8)"),
        (swap(rlvr="rlvr_twin"), "swap(rlvr=rlvr_twin)"),
    ],
)
def test_label_is_stable(control, label):
    assert control.label() == label


def test_order_of_arguments_does_not_matter():
    assert null("isotropic", a=1, b=2) == null("isotropic", b=2, a=1)


def test_dict_round_trip():
    control = plant("scaled_spectrum", on="sft", must="refuted", strength=0.5)
    assert Control.from_dict(control.to_dict()) == control


def test_roles_fill_in_what_a_control_must():
    assert as_controls("isotropic", "null") == (null("isotropic"),)
    assert as_controls("principal_block", "plant") == (plant("principal_block"),)
    assert [c.must for c in as_controls(("isotropic", variant(k=1)), "null")] == ["unsupported", "unsupported"]
    assert as_controls(variant(k=1), "plant")[0].must == "supported"
    assert as_controls(plant("isotropic", must="refuted"), "plant")[0].must == "refuted"
    assert as_controls(None, "null") == ()
    assert as_controls(swap(rlvr="rlvr_twin"), "floor")[0].must is None


MALFORMED = {
    "unknown name": (lambda: null("isotropc"), "did you mean 'isotropic'"),
    "far name": (lambda: as_controls("noise", "null"), "unknown null or plant 'noise'"),
    "unknown must": (lambda: plant("isotropic", must="suported"), "did you mean 'supported'"),
    "not a name": (lambda: as_controls(3, "null"), "a null is a name or a control"),
    "plant as null": (lambda: as_controls(plant("isotropic"), "null"), "that is a plant"),
    "twice": (lambda: as_controls(("isotropic", "isotropic"), "null"), "given twice"),
    "noise as floor": (lambda: as_controls("isotropic", "floor"), "a noise floor is swap"),
    "empty variant": (lambda: variant(), "at least one keyword"),
    "swap on an arm": (lambda: Control("swap", on="sft", args=(("a", "b"),)), "takes no on='sft'"),
    "list argument": (lambda: variant(k=[1]), "must be a string"),
    "nan argument": (lambda: variant(k=math.nan), "finite number"),
}


@pytest.mark.parametrize(("make", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_control_is_refused(make, sentence):
    with pytest.raises(SpecError, match=sentence):
        make()


def test_known_names_are_plain_strings():
    assert {"isotropic", "gated_isotropic", "weight_decay", "variant", "swap"} <= CONTROLS

"""Before the first step: which parameters of an adapter get a gradient, and does the preflight find those that never will?"""

import harness as h
from suites.adapter_precision.paper import PAPER, READY
from suites.adapter_precision.policy_gradient import broken, look

SOUND = ("lora", "pissa", "milora", "mica", "lora_top", "lora_bottom", "geora", "svdiff", "svft", "lora_xs", "dora", "oft")


@PAPER.claim(
    "sound-adapters-are-ready",
    says="Every parameter of twelve tuners gets a policy gradient at the first step, or at the second",
    source="arithmetic: no factor but one starts at zero; preflight on one batch of sampled and verified answers",
    metric="parameters that get none, over the twelve tuners",
    bound=h.exact(0),
    null=tuple(h.variant(of=way) for way in ("zeros", "merged", "disabled", "frozen", "equal rewards")),
    plant=h.variant(tuners="one"),
    expect={"tiny": "supported"},
    family=READY,
)
def test_sound_adapters_are_ready(rlvr, models, rng, of="sound", tuners="all"):
    """Each null breaks LoRA in one way, none of which raises an error in peft: stuck parameters must be found."""
    chosen = SOUND if tuners == "all" and of == "sound" else ("lora",)
    return sum(len(look(models.base(rlvr), tuner, rng, of).stuck) for tuner in chosen)


@PAPER.claim(
    "lora-begins-with-b-alone",
    says="LoRA's A gets no gradient in the first step, its B does, and A does once B has moved",
    source="arithmetic: dL/dA = c B^T G and B = 0; max |lora_B| = 0 after training is the symptom of mlx-lm-lora 49",
    metric="share of the tensors that wait",
    bound=h.exact(0.5),
    null=(h.variant(tuner="pissa"), h.variant(tuner="lora_xs")),
    plant=h.variant(tuner="lora_bottom"),
    expect={"tiny": "supported"},
    family=READY,
)
def test_lora_begins_with_b_alone(rlvr, models, rng, tuner="lora"):
    found = look(models.base(rlvr), tuner, rng)
    return len(found.waits) / (len(found.waits) + len(found.moves) + len(found.stuck))


@PAPER.claim(
    "every-silent-zero-is-named",
    says="Of five ways to a zero policy gradient that raise no error the preflight names each by its cause",
    source="sheet rlvr, 4d: trl 2872, mlx-lm-lora 49, 50, 55, SkyRL 1776 look alike from outside",
    metric="ways whose reason is the one that was made",
    bound=h.exact(5),
    null=h.variant(shift=1),
    plant=h.variant(batch=16),
    expect={"tiny": "supported"},
    family=READY,
)
def test_every_silent_zero_is_named(rlvr, models, rng, shift=0, batch=8):
    """The null asks for the next way's reason: one sentence for all would pass the claim and the null alike."""
    base = models.base(rlvr)
    ways = list(broken())
    told = {way: look(base, "lora", rng, way, batch).sentence() for way in ways}
    return sum(broken()[ways[(i + shift) % len(ways)]] in told[way] for i, way in enumerate(ways))

"""What bf16 keeps: of a small update of rank 8, and of what MiLoRA and PiSSA take from a base before the first step."""

import harness as h
from suites.adapter_precision.cycles import adapters
from suites.adapter_precision.paper import PAPER, REAL, RELATIVE, STORED
from suites.adapter_precision.starts import start


@PAPER.claim(
    "few-entries-survive-bf16",
    says="Of an update of rank 8 and published size under three entries in ten change a bf16 weight",
    source="sheet rlvr, N0: .217 of them at a relative norm of 1e-3, .069 at 3e-4, .811 at 1e-2",
    metric="share of weights that differ after rounding to bf16",
    bound=h.below(0.3),
    within="weighted",
    null=h.variant(dtype="fp32"),
    plant=h.variant(size=3e-4),
    expect={"tiny": "supported"},
    family=STORED,
)
def test_few_entries_survive_bf16(rlvr, dtype="bf16", size=RELATIVE):
    return h.change_density(_part(rlvr, size), dtype)


@PAPER.claim(
    "stored-update-is-less-than-half-update",
    says="Under half of the energy of what bf16 stores of it is the update",
    source="sheet rlvr, N_rank: .461 of it in the eight leading directions at 1e-3, .974 at 1e-2",
    metric="cos^2 of the angle between what is stored and the update, median of the matrices",
    bound=h.below(0.5),
    null=(h.variant(dtype="fp32"), h.variant(size=1e-2)),
    plant=h.variant(size=3e-4),
    expect={"tiny": "supported"},
    family=STORED,
)
def test_stored_update_is_less_than_half_update(rlvr, dtype="bf16", size=RELATIVE):
    true = _part(rlvr, size)
    stored = true.seen_in(dtype).update
    return true.per_matrix({name: _cosine(stored[name], d) ** 2 for name, d in true.update.items()})


@PAPER.claim(
    "milora-starts-off-by-an-update",
    says="On a bf16 base MiLoRA begins further from the base than a published RLVR update is long",
    source="sheet rlvr, 3.7: PeRL subtracts from the bf16 base; rounding errs by (2^-8 to 2^-7) / sqrt(12) of a weight",
    metric="|W at the start - W0|_F over 1e-3 |W0|_F, all matrices at once",
    bound=h.above(1.0),
    null=(h.variant(dtype="fp32"), h.variant(tuner="mica")),
    plant=h.variant(tuner="pissa"),
    expect={"tiny": "supported"},
    family=STORED,
)
def test_milora_starts_off_by_an_update(base, tuner="milora", dtype="bf16"):
    """1.1e-3 to 2.3e-3 by that arithmetic, where all that is taken is longer than a step. MiCA takes nothing."""
    found = start(base, tuner, dtype)
    return found.off / (RELATIVE * found.base)


@PAPER.claim(
    "milora-takes-rounding-noise",
    says="Over half of what MiLoRA takes out of a bf16 base is rounding",
    source="sheet rlvr, 3.7, on PeRL's MiLoRA: the subtraction is lost in the rounding",
    metric="|W at the start - W0|_F over |D|_F, all matrices at once",
    bound=h.above(0.5),
    null=(h.variant(dtype="fp32"), h.variant(tuner="pissa")),
    plant=h.variant(flat=True),
    expect={"tiny": "refuted"},
    family=STORED,
)
def test_milora_takes_rounding_noise(base, tuner="milora", dtype="bf16", flat=False):
    """The plant has the trailing eight values of every matrix at 1e-3 of the mean one: nothing of them can be stored."""
    found = start(_flattened(base) if flat else base, tuner, dtype)
    return found.off / found.taken


@PAPER.claim(
    "milora-starts-off-by-an-update-on-real-weights",
    says="On SmolLM2 in bf16 MiLoRA begins further from the base than a published RLVR update is long",
    source="as at tiny scale; 8 of 192 or 576 directions",
    metric="|W at the start - W0|_F over 1e-3 |W0|_F, 21 matrices at once",
    bound=h.above(1.0),
    null=(h.variant(dtype="fp32"), h.variant(tuner="mica")),
    plant=h.variant(tuner="pissa"),
    expect={"small": "supported"},
    family=REAL,
    needs=("real-weights",),
    nightly=True,
    seeds=3,
)
def test_milora_starts_off_on_real_weights(base, tuner="milora", dtype="bf16"):
    """The weights are the same at every seed: it is one case, seen again."""
    found = start(base, tuner, dtype)
    return found.off / (RELATIVE * found.base)


@PAPER.claim(
    "milora-takes-rounding-noise-on-real-weights",
    says="On SmolLM2 over half of what MiLoRA takes out of a bf16 base is rounding",
    source="as at tiny scale; 8 of 192 or 576 directions",
    metric="|W at the start - W0|_F over |D|_F, 21 matrices at once",
    bound=h.above(0.5),
    null=(h.variant(dtype="fp32"), h.variant(tuner="pissa")),
    plant=h.variant(flat=True),
    expect={"small": "refuted"},
    family=REAL,
    needs=("real-weights",),
    nightly=True,
    seeds=3,
)
def test_milora_takes_rounding_noise_on_real_weights(base, tuner="milora", dtype="bf16", flat=False):
    found = start(_flattened(base) if flat else base, tuner, dtype)
    return found.off / found.taken


def _part(arm, size):
    given = adapters(arm, size)
    return h.Change(given.base, given.update, label=f"rank 8 of {arm.label}", arm=arm.arm, seed=arm.seed)


def _cosine(one, other):
    return ((one * other).sum() / (one.norm() * other.norm())).item()


def _flattened(base):
    import torch

    found = {}
    for name, w0 in base.items():
        u, s, vh = torch.linalg.svd(w0.double(), full_matrices=False)
        s[-8:] = 1e-3 * s.mean()
        found[name] = ((u * s) @ vh).float()
    return found

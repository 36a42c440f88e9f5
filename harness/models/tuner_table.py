"""What is known of every tuner: how it is built, what it needs, what its update can reach. Data; no torch, no peft.

The reach of a tuner is what W1 - W0 can be, with W0 = U S V^T:

    any          any matrix of rank <= r (to 2 r where it starts away from zero)
    left         W1 = M W0, M block diagonal: what changes stands on the left
    right        W1 = W0 Q, Q orthogonal: singular values and left frame stay
    scaling      W1 = D W0 or W0 D, D diagonal
    core         inside the leading r x r block: U_r M V_r^T
    spectrum     the singular values alone, frames stay
    minor        the trailing r directions: one side fixed in them, or begun there
    principal    begun in the leading r directions, free to leave them
    complement   outside the leading r directions on both sides
    subspace     one side inside a space that is drawn, or read from the weight or from data
    sparse       the entries of a mask that stays
    full         full rank, in a structure of its own
    none         no update of a matrix at all

Source: peft 0.21.2; reaches as measured in the sheet peft_merge 1.3 - 1.6, arguments of the sheet libraries 3.2.
Trap: use_qalora off GPTQ is plain LoRA without a word; OFT's default rotation is only nearly orthogonal.
Trap: FourierFT, WaveFT, RandLoRA and TinyLoRA go 3 - 8 times the weight's norm at a rate of 5e-3: they want a smaller one.
Trap: HRA begins with pairs of equal vectors, which apply_GS makes orthogonal: rounding, or NaN. Here hra_gs draws them all.
Trap: BOFT on a CPU has one butterfly factor, whatever it is asked for; here it is asked for one, so that no device differs.
Trap: AdaMSS clusters rows of the weight's own frame: a base that differs in rounding may be cut otherwise.
Trap: a frozen B of plain LoRA is zero, so nothing would train: lora_frozen_b draws B and starts from A = 0.
"""

from dataclasses import dataclass
from types import MappingProxyType

REACHES = (
    "any", "left", "right", "scaling", "core", "spectrum", "minor", "principal", "complement", "subspace", "sparse",
    "full", "none",
)  # fmt: skip
NEEDS = (None, "calibration", "gradient", "activations", "quantised")
"""What is run before a tuner is built: passes over sequences one at a time, one backward pass, passes once it is in place, or
a base in 4 bits."""

PENALTIES = (None, "orthogonality", "kasa", "monteclora")
"""What is added to the loss: AdaLoRA's, KaSA's and MonteCLoRA's own terms, as peft weighs them."""

Value = bool | int | float | str | None | tuple


@dataclass(frozen=True)
class Tuner:
    """One way of putting trainable parameters beside frozen ones.

    Attributes:
        config: class of peft's config, or "" where harness.models.tuners builds it.
        reach: what the update can be, a word of REACHES.
        rank: the config's argument that is the rank; None where it has none.
        alpha: its argument that is the scaling's numerator; None likewise.
        arguments: its other arguments, as (name, value) pairs. A value ("Class", pairs) is a config of that class of peft.
        needs: what must be run first, of NEEDS.
        identity: whether the model computes the same before the first step.
        merges: whether the update is a matrix.
        exact: whether the reach holds to rounding, and not only nearly or at the start.
        frozen: parts of the names of parameters of its own that do not train.
        why: where it cannot be trained or merged here, a clause that says why.
        trains: whether an arm can train it here at all.
        isospectral: whether the singular values of W1 are those of W0, to rounding.
        bounded: whether the rank may not exceed a layer's smaller side.
        zeroed: parts of the names of parameters that start at zero.
        seeded: the config's argument that takes the seed, where peft would draw the same for every run.
        keeps_start: whether the base loses a start that cannot be found again from the base alone; it is then kept.
        draws: whether anything at the start is drawn by the seed, rather than read off the base or off data.
        derived: parts of the names of buffers that every build makes the same, and that need not be kept.
        noisy: whether it computes otherwise where gradients are taken: noise, or a gradient of its own.
        penalty: what it adds to the loss, of PENALTIES.
    """

    config: str
    reach: str
    rank: str | None = "r"
    alpha: str | None = None
    arguments: tuple[tuple[str, Value], ...] = ()
    needs: str | None = None
    identity: bool = True
    merges: bool = True
    exact: bool = True
    frozen: tuple[str, ...] = ()
    why: str = ""
    trains: bool = True
    isospectral: bool = False
    bounded: bool = True
    zeroed: tuple[str, ...] = ()
    seeded: str | None = None
    keeps_start: bool = False
    draws: bool = True
    derived: tuple[str, ...] = ()
    noisy: bool = False
    penalty: str | None = None

    def builds(self) -> dict[str, object]:
        """What of the row settles how weights move: a run's address holds it."""
        names = ("config", "rank", "alpha", "arguments", "needs", "frozen", "zeroed", "seeded", "noisy", "penalty")
        return {name: getattr(self, name) for name in names}


KNOWN = frozenset(Tuner.__dataclass_fields__)


def _lora(reach: str = "any", **given: object) -> Tuner:
    """LoRA of peft: what is not known of a row is an argument of its config."""
    known, arguments = _parted(given)
    return Tuner("LoraConfig", reach, "r", "lora_alpha", arguments, **known)


def _tuner(config: str, reach: str, rank: str | None = None, alpha: str | None = None, **given: object) -> Tuner:
    known, arguments = _parted(given)
    return Tuner(config, reach, rank, alpha, arguments, **known)


def _parted(given: dict[str, object]) -> tuple[dict[str, object], tuple[tuple[str, Value], ...]]:
    return {k: v for k, v in given.items() if k in KNOWN}, tuple((k, v) for k, v in given.items() if k not in KNOWN)


def _no_matrix(config: str, why: str) -> Tuner:
    return Tuner(config, "none", None, identity=False, merges=False, trains=False, why=why)


def _own(reach: str, **arguments: Value) -> Tuner:
    """LoRA of peft's begun where harness.models.tuners.own says: its reach is where it starts."""
    return Tuner("", reach, "r", "lora_alpha", tuple(arguments.items()), exact=False)


PROMPT = "it trains vectors before the sequence, so that there is no update of a matrix to ask for"
ROUTED = "its update depends on the input, so that it is no matrix"

TUNERS = MappingProxyType({
    # LoRA, by where it starts.
    "lora": _lora(),
    "lora_gaussian": _lora(init_lora_weights="gaussian"),
    "lora_init_false": _lora(init_lora_weights=False, identity=False),
    "rslora": _lora(use_rslora=True),
    "pissa": _lora("principal", init_lora_weights="pissa", exact=False, draws=False),
    "pissa_niter": _lora("principal", init_lora_weights="pissa_niter_4", exact=False, keeps_start=True),
    "olora": _lora("principal", init_lora_weights="olora", exact=False, draws=False),
    "lora_orthogonal": _lora(init_lora_weights="orthogonal"),
    "mica": _lora("minor", init_lora_weights="mica", draws=False),
    "eva": _lora(init_lora_weights="eva", eva_config=("EvaConfig", ()), needs="activations", exact=False, draws=False),
    "corda_kpm": _lora(init_lora_weights="corda", corda_config=("CordaConfig", (("corda_method", "kpm"), ("verbose", False))),
                       needs="calibration", exact=False, keeps_start=True, draws=False),
    "corda_ipm": _lora("principal", init_lora_weights="corda",
                       corda_config=("CordaConfig", (("corda_method", "ipm"), ("verbose", False))),
                       needs="calibration", exact=False, keeps_start=True, draws=False),
    "lora_ga": _lora(init_lora_weights="lora_ga", lora_ga_config=("LoraGAConfig", ()), needs="gradient", keeps_start=True),
    "loftq": _lora(init_lora_weights="loftq", needs="quantised", identity=False, exact=False, trains=False,
                   why="LoftQ needs bitsandbytes, which is not installed"),
    # LoRA, by how it computes.
    "dora": _lora("full", use_dora=True),
    "kasa": _lora(kasa_config=("KasaConfig", ()), identity=False, exact=False, penalty="kasa"),
    "velora": _lora(velora_config=("VeloraConfig", (("num_groups", 8),)), noisy=True),
    "monteclora": _lora(monteclora_config=("MontecloraConfig", ()), noisy=True, penalty="monteclora"),
    "bdlora": _lora(use_bdlora=("BdLoraConfig", (("nblocks", 4),))),
    "qalora": _lora(use_qalora=True),
    "lora_bias": _lora(lora_bias=True, merges=False, why="it adds a bias to layers that have none"),
    "lora_frozen_a": _lora("subspace", frozen=("lora_A",)),
    "lora_frozen_b": _lora("subspace", init_lora_weights=False, frozen=("lora_B",), zeroed=("lora_A",)),
    "lora_parameters": _lora(target_parameters=()),
    "layer_replication": _lora(layer_replication=(), identity=False, merges=False, trains=False,
                               why="copies of a layer share one weight, so that none of them merges into it"),
    # Low rank by other means.
    "adalora": _tuner("AdaLoraConfig", "any", "target_r", "lora_alpha", exact=False, penalty="orthogonality",
                      total_step=150, tinit=15, tfinal=50, deltaT=5),
    "adamss": _tuner("AdamssConfig", "subspace", "r", num_subspaces=4, subspace_rank=2, exact=False, draws=False),
    "deft": _tuner("DeftConfig", "any", "r"),
    "deft_qr": _tuner("DeftConfig", "any", "r", decomposition_method="qr"),
    "delora": _tuner("DeloraConfig", "any", "r"),
    "gralora": _tuner("GraloraConfig", "any", "r", "alpha", gralora_k=2, exact=False),
    "miss": _tuner("MissConfig", "any", "r", draws=False),
    "peanut": _tuner("PeanutConfig", "any", "r", depth=0),
    "unilora": _tuner("UniLoraConfig", "any", "r", theta_d_length=256, identity=False, seeded="proj_seed"),
    "vblora": _tuner("VBLoRAConfig", "any", "r", num_vectors=64, vector_length=32, identity=False),
    "vera": _tuner("VeraConfig", "subspace", "r", bounded=False, seeded="projection_prng_key"),
    "pvera": _tuner("PveraConfig", "subspace", "r", bounded=False, seeded="projection_prng_key", noisy=True),
    # Rotations.
    "oft": _tuner("OFTConfig", "right", oft_block_size=16, use_cayley_neumann=False, isospectral=True, draws=False),
    "oft_neumann": _tuner("OFTConfig", "right", oft_block_size=16, exact=False, draws=False),
    "coft": _tuner("OFTConfig", "right", oft_block_size=16, coft=True, eps=1e-3, use_cayley_neumann=False, isospectral=True,
                   draws=False),
    "boft": _tuner("BOFTConfig", "right", boft_block_size=4, boft_n_butterfly_factor=1, exact=False,
                   derived=("boft_P",), draws=False),
    "boft_fixed_scale": _tuner("BOFTConfig", "right", boft_block_size=4, boft_n_butterfly_factor=1, frozen=("boft_s",),
                               isospectral=True, derived=("boft_P",), draws=False),
    "hra": _tuner("HRAConfig", "right", "r", isospectral=True),
    "hra_gs": _tuner("HRAConfig", "right", "r", apply_GS=True, init_weights=False, identity=False, isospectral=True),
    "psoft": _tuner("PsoftConfig", "core", "r", draws=False),
    "psoft_no_magnitude": _tuner("PsoftConfig", "core", "r", psoft_mag_a=False, psoft_mag_b=False,
                                 isospectral=True, draws=False),
    "road": _tuner("RoadConfig", "left", variant="road_1", group_size=32, draws=False),
    # The leading directions alone, or all but them.
    "tinylora": _tuner("TinyLoraConfig", "core", "r", u=64, seeded="projection_seed"),
    "osf": _tuner("OSFConfig", "complement", "effective_rank", exact=False, draws=False),
    # Entries and scalings.
    "ia3": _tuner("IA3Config", "scaling", draws=False),
    "shira": _tuner("ShiraConfig", "sparse", "r", seeded="random_seed"),
    "supertuning_top": _tuner("SupertuningConfig", "sparse", sparsity=0.95, draws=False),
    "supertuning_bottom": _tuner("SupertuningConfig", "sparse", sparsity=0.95, select_top=False, draws=False),
    # Full rank in a structure.
    "c3a": _tuner("C3AConfig", "full", block_size=32, identity=False),
    "fourierft": _tuner("FourierFTConfig", "full", n_frequency=512, scaling=100.0, identity=False, seeded="random_loc_seed"),
    "frod": _tuner("FrodConfig", "full", sparse_rate=0.05, progressbar=False, seeded="projection_prng_key"),
    "glora": _tuner("GloraConfig", "full", "r"),
    "hira": _tuner("HiraConfig", "full", "r"),
    "loha": _tuner("LoHaConfig", "full", "r", "alpha"),
    "lokr": _tuner("LoKrConfig", "full", "r", "alpha"),
    "miss_bat": _tuner("MissConfig", "full", "r", init_weights="bat", draws=False),
    "randlora": _tuner("RandLoraConfig", "full", "r", seeded="projection_prng_key"),
    "waveft": _tuner("WaveFTConfig", "full", n_frequency=512, seeded="random_loc_seed"),
    # Those that peft lacks.
    "milora": _own("minor"),
    "geora": _own("any", share=0.2),
    "lora_top": _own("principal", where="top", frozen_a=False),
    "lora_bottom": _own("minor", where="bottom", frozen_a=False),
    "lora_middle": _own("subspace", where="middle", frozen_a=False),
    "lora_random": _own("subspace", where="random", frozen_a=False),
    "svdiff": Tuner("", "spectrum", rank=None),
    "svft": Tuner("", "full", rank=None, arguments=(("pattern", "banded"), ("band", 2))),
    "lora_xs": Tuner("", "core", "r", "lora_alpha"),
    # No update of a matrix: named so that who asks for one is told why there is none.
    "alora": _no_matrix("LoraConfig", "it is on only after its invocation tokens, so that there is no one matrix"),
    "lily": _no_matrix("LilyConfig", ROUTED),
    "poly": _no_matrix("PolyConfig", ROUTED),
    "xlora": _no_matrix("XLoraConfig", ROUTED),
    "shadow": _no_matrix("ShadowConfig", ROUTED),
    "ln_tuning": _no_matrix("LNTuningConfig", "it trains the gains of norms, which are no matrices"),
    "beft": _no_matrix("BeftConfig", "it trains biases, which are no matrices"),
    "trainable_tokens": _no_matrix("TrainableTokensConfig", "it trains rows of the embedding, which is no projection"),
    "prompt_tuning": _no_matrix("PromptTuningConfig", PROMPT),
    "prefix_tuning": _no_matrix("PrefixTuningConfig", PROMPT),
    "p_tuning": _no_matrix("PromptEncoderConfig", PROMPT),
    "mpt": _no_matrix("MultitaskPromptTuningConfig", PROMPT),
    "cpt": _no_matrix("CPTConfig", PROMPT),
    "cartridge": _no_matrix("CartridgeConfig", PROMPT),
    "adaption_prompt": _no_matrix("AdaptionPromptConfig", PROMPT),
})  # fmt: skip
"""Every tuner by the name that an adaptation gives."""

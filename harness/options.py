"""The --claim-* options: declared once, read into one frozen Settings, refused with one sentence."""

import os
from pathlib import Path

import pytest

from harness.claims import OWN
from harness.engine import own, pool
from harness.engine.settings import Settings
from harness.errors import HarnessError, ModelError

MODES = ("skip", "fail")
JUDGED = ("regression", "evidence")


KEY = pytest.StashKey[Settings]()
MESSAGE = pytest.StashKey[dict]()


def add_to(parser: pytest.Parser) -> None:
    """Declare the options; values stay plain strings and ints, which pytest-xdist can send to workers."""
    group = parser.getgroup("claims", "claims about learning, judged against a matched null")
    add = group.addoption
    add("--claim-scale", metavar="NAMES", help="tiny, small, medium, large, comma-separated (default: those a claim lists)")
    add("--claim-seeds", metavar="N", help="replicates of every claim (default 5)")
    add("--claim-seed-base", metavar="N", help="the first seed (default 0; in evidence mode one that was never drawn)")
    add(
        "--claim-mode",
        metavar="MODE",
        help="regression: fixed seeds, the same numbers expected; evidence: fresh seeds, judged together with those of earlier "
        "evidence sessions by an interval that may be looked at every night (default regression)",
    )
    add("--claim-results", metavar="DIR", help="where rows are written (default: results/ in the root folder)")
    add("--claim-model", metavar="PATH", help="judge the claims that need no training on this local folder or hub id")
    add("--claim-base", metavar="PATH", help="judge the claims on your own checkpoints: the one that the others were tuned from")
    add(
        "--claim-tuned",
        metavar="ARM=PATH",
        action="append",
        help="a checkpoint tuned from --claim-base, as in rlvr=runs/a: a model folder, an adapter's folder, a GGUF or a .pt; "
        "again with the same arm: a further replicate, paired with the other arms' in the order given",
    )
    add("--claim-where", metavar="REGEX", help="of your own checkpoints, only matrices in whose name it is found: 'layers.1?.mlp'")
    add("--claim-device", metavar="NAME", help="where models run: cpu, cuda, cuda:1, mps (default cpu)")
    add("--claim-plan", action="store_true", help="print the runs needed, those cached and the cost; run nothing")
    add("--claim-nightly", action="store_true", help="judge the claims marked nightly too; they take longer")
    add("--claim-inconclusive", metavar="MODE", help="skip: report it as '?'; fail: fail unless registered so (default skip)")
    add("--claim-min-selected", metavar="N", help="exit with an error if fewer claims are selected (default 0)")
    for name, default in (("scale", ""), ("seeds", "5"), ("results", ""), ("inconclusive", "skip"), ("mode", "regression")):
        parser.addini(f"claim_{name}", f"default of --claim-{name}", default=default)


def read(config: pytest.Config) -> Settings:
    """The options of this session; command line over ini over default.

    Raises:
        HarnessError: a value cannot be used; the message is one sentence.
    """
    model, checkpoints = config.getoption("claim_model"), _own(config)
    seeds = _count("--claim-seeds", _text(config, "seeds"), least=2, why="one replicate has no spread to judge by")
    results = _results(config)
    judged, fresh = _judged(config, results, seeds, checkpoints)
    return Settings(
        scales=(OWN,) if checkpoints else _scales(_text(config, "scale"), model),
        seeds=checkpoints.replicates if checkpoints else seeds,
        seed_base=fresh.seed_base,
        results=results,
        model=model,
        device=_device(config.getoption("claim_device") or "cpu"),
        plan=config.getoption("claim_plan"),
        nightly=config.getoption("claim_nightly"),
        inconclusive=_choice("--claim-inconclusive", _text(config, "inconclusive"), MODES),
        min_selected=_count("--claim-min-selected", config.getoption("claim_min_selected") or "0", least=0),
        own=checkpoints,
        judged=judged,
        pooled=fresh.pooled,
    )


def _judged(config: pytest.Config, results: Path, seeds: int, checkpoints: own.Own | None) -> tuple[str, pool.Fresh]:
    """How seeds are chosen, and which. Workers take those that the controlling process drew, not what the store says later."""
    judged = _choice("--claim-mode", _text(config, "mode"), JUDGED)
    given = config.getoption("claim_seed_base")
    asked = None if given is None else _count("--claim-seed-base", given, least=0)
    if judged == "regression":
        return judged, pool.Fresh(asked or 0, ())
    for option, weights in (("--claim-base", checkpoints), ("--claim-model", config.getoption("claim_model"))):
        if weights is not None:
            brings = f"{option} brings weights that are what they are"
            raise HarnessError(f"--claim-mode evidence draws fresh seeds, and {brings}; drop one")
    if hasattr(config, "workerinput"):
        seed_base, pooled = config.workerinput["claim_fresh"]
        return judged, pool.Fresh(seed_base, tuple(pooled))
    return judged, pool.draw(results, seeds, asked)


def _own(config: pytest.Config) -> own.Own | None:
    """The user's checkpoints; refused together with what would name another scale or other replicates."""
    given = own.read(*(config.getoption(name) for name in ("claim_base", "claim_tuned", "claim_where")))
    for name, why in (
        ("scale", "your own checkpoints are a scale of their own"),
        ("model", "your own checkpoints are a scale of their own"),
        ("seeds", "the replicates are the checkpoints"),
        ("seed_base", "the replicates are the checkpoints"),
    ):
        if given and config.getoption(f"claim_{name}") is not None:
            raise HarnessError(f"--claim-base: {why}; drop --claim-{name.replace('_', '-')}")
    return given


def _text(config: pytest.Config, name: str) -> str:
    given = config.getoption(f"claim_{name}")
    return given if given is not None else config.getini(f"claim_{name}")


def _results(config: pytest.Config) -> Path:
    chosen = _text(config, "results") or os.environ.get("HARNESS_RESULTS") or "results"
    return (Path(config.rootpath) / chosen).resolve()


def _scales(text: str, model: str | None) -> tuple[str, ...]:
    from harness.models import scales

    if model is not None:
        if text:
            raise HarnessError("--claim-model is a scale of its own; drop --claim-scale")
        return (scales.custom(model).name,)
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        scales.get(name)  # raises with a did-you-mean
    return names


def _count(option: str, text: str, *, least: int, why: str = "") -> int:
    try:
        number = int(text)
    except ValueError:
        raise HarnessError(f"{option} {text}: give a whole number") from None
    if number < least:
        raise HarnessError(f"{option} {number}: {why + '; ' if why else ''}give at least {least}")
    return number


def _choice(option: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise HarnessError(f"{option} {text}: choose one of {', '.join(allowed)}")
    return text


def _device(name: str) -> str:
    if name.partition(":")[0] not in ("cpu", "cuda", "mps"):
        raise ModelError(f"--claim-device {name}: choose cpu, cuda, cuda:N or mps")
    return name

"""Whether a pair looks swapped: what the files say about which side came from which.

Norms, angles and energies are the same both ways round (nearly: the frame is the base's), so the numbers cannot tell. Evidence is:

    names   the base's config.json (`_name_or_path`) or model card (`base_model`) names the tuned side
    files   the base has a trainer's state (trainer_state.json, optimizer.pt, ...) and newer weights, the tuned side no such state

No evidence: a newer time alone, which copying changes; and anything where the tuned side names the base. Text is read, nothing is run.
"""

import json
import re
from pathlib import Path

STATE = ("trainer_state.json", "optimizer.pt", "optimizer.bin", "scheduler.pt", "training_args.bin")
HUB = re.compile(r"models--(?:.+?--)?(?P<name>.+)")
CARD = re.compile(r"^base_model:[ \t]*(?P<one>\S*)[ \t]*(?P<more>(?:\n[ \t]*-[ \t]*\S+)*)", re.MULTILINE)
LONGEST = 2**20


def swapped(base: str | Path, tuned: str | Path) -> str | None:
    """A sentence where there is evidence, else None; never an error."""
    base, tuned = Path(base).expanduser(), Path(tuned).expanduser()
    if not (base.is_dir() and tuned.is_dir()):
        return None
    try:
        why = _evidence(base, tuned)
    except OSError:
        return None
    return why and f"the base looks as if it came from the tuned one ({why}): are they swapped?"


def _evidence(base: Path, tuned: Path) -> str | None:
    if _called(base) & _parents(tuned):
        return None
    if _called(tuned) & _parents(base):
        return "it names it as its origin"
    state = [name for name in STATE if (base / name).is_file()]
    if state and not any((tuned / name).is_file() for name in STATE) and _written(base) > _written(tuned):
        return f"it has a trainer's {state[0]} and newer weights"
    return None


def _called(folder: Path) -> set[str]:
    """What others call it: its folder's name, the hub's where it lies in the hub's cache."""
    found = folder.resolve()
    hub = [match["name"] for part in found.parts if (match := HUB.fullmatch(part))]
    return {name.lower() for name in (hub or [found.name])}


def _parents(folder: Path) -> set[str]:
    """The models that it says it was made from, without their owners."""
    config, card = folder / "config.json", folder / "README.md"
    names: list[str] = []
    if config.is_file():
        try:
            content = json.loads(_text(config))
        except (ValueError, RecursionError):
            content = None
        origin = content.get("_name_or_path") if isinstance(content, dict) else None
        names += [origin] if isinstance(origin, str) else []
    if card.is_file():
        front = re.match(r"---\n(.*?)\n---", _text(card), flags=re.DOTALL)
        for match in CARD.finditer(front[1]) if front else ():
            names += [match["one"], *re.findall(r"-[ \t]*(\S+)", match["more"])]
    return {Path(name.strip("\"'")).name.lower() for name in names} - {"", _called(folder).pop()}


def _text(file: Path) -> str:
    with file.open(encoding="utf-8", errors="replace") as stream:
        return stream.read(LONGEST)


def _written(folder: Path) -> float:
    """When its weights were last written; 0 where it has none."""
    weights = [path for end in ("*.safetensors", "*.bin") for path in folder.glob(end) if path.name not in STATE]
    return max((path.stat().st_mtime for path in weights), default=0.0)

"""What changed against the baseline, for a terminal, a CI's job summary (Markdown) or a program (JSON).

Every flip has both estimates with their intervals, the reason, n, and the command that measures it again, so that a red log
needs no artifact. A missing number is a dash.
"""

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harness.report.tabular import markdown as markdown_table
from harness.store.against_baseline import AS_EXPECTED, NOTHING, SPEC_CHANGED, Comparison, Gone, Pair

SHOWN = 8
FAR = 0.5  # half-widths: from here on a moved estimate is named
ENDS = {
    AS_EXPECTED: "as expected",
    SPEC_CHANGED: "a claim's spec changed without a new version",
    NOTHING: "nothing to compare: no verdict of the store has its claim and version in the baseline",
}
HEADS = ("claim", "scale", "was", "now", "bound", "estimate was", "estimate now", "n", "why")


def render(found: Comparison, format: str = "table", width: int = 100) -> str:
    """The comparison as text: "table", "md" or "json"."""
    if format == "json":
        return json.dumps(as_data(found), indent=2, default=str, allow_nan=False)
    return _markdown(found) if format == "md" else _table(found, width)


def headline(found: Comparison) -> str:
    """Such as "2 flips, 1 spec changed; 144 of 146 verdicts as in the baseline"."""
    counts = (
        (len(found.flips), "flip"),
        (len(found.refutations), "unexpected refutation"),
        (len(found.changed), "changed spec"),
        (len(found.broken), "broken claim"),
    )
    what = ", ".join(f"{number} {name}{'s' * (number > 1)}" for number, name in counts if number) or ENDS[found.code]
    same = len(found.compared) - len(found.flips)
    return f"{what}; {same} of {len(found.compared)} verdicts as in the baseline"


def again(pair: Pair) -> str:
    """The command that measures a claim again as its session did."""
    run, (claim_id, scale) = pair.run, pair.key
    words = [f"pytest suites/ -m \"claim(id='{claim_id.partition('/')[2]}')\" --claim-scale {scale}"]
    words += ["--claim-nightly"] if "--claim-nightly" in (run["argv"] or "") else []
    words += [f"--claim-seeds {run['seeds']}"] if run["seeds"] not in (None, 5) else []
    words += [f"--claim-seed-base {run['seed_base']}"] if run["seed_base"] else []
    return " ".join(words)


def notes(pair: Pair) -> list[str]:
    """What beside the claim's own numbers may have made the difference."""
    was, now = pair.was, pair.now
    said = []
    if was and was["family_size"] != now["family_size"]:
        whole, sizes = f"-m \"claim(paper='{now['paper']}')\"", (now["family_size"], was["family_size"])
        said.append(f"judged among {sizes[0]} claims, the baseline's among {sizes[1]}: {whole} selects all of the paper")
    if was and pair.versions is None:
        said.append("the baseline does not tell which versions it was measured with")
    elif was and pair.versions:
        both = (f"{name} {old or '–'} -> {new or '–'}" for name, (old, new) in pair.versions.items())
        said.append("differs: " + ", ".join(both))
    return said


def as_data(found: Comparison) -> dict[str, Any]:
    """All of it as plain data."""
    return {
        "code": found.code,
        "says": headline(found),
        "baseline": str(found.baseline),
        "compared": len(found.compared),
        "flips": [_data(pair) for pair in found.flips],
        "refutations": [_data(pair) for pair in found.refutations],
        "changed": [change._asdict() for change in found.changed],
        "broken": [gone._asdict() for gone in found.broken],
        "moved": [{"claim_id": p.key[0], "scale": p.key[1], "half_widths": p.shift} for p in found.moved],
        "revised": [
            {"claim_id": p.key[0], "scale": p.key[1], "version": p.now["version"], "was": p.was["version"]} for p in found.revised
        ],
        "new": [{"claim_id": p.key[0], "scale": p.key[1], "verdict": p.now["verdict"]} for p in found.new],
        "not_measured": [gone._asdict() for gone in found.unmeasured],
        "removed": [{"claim_id": claim_id, "scale": scale} for claim_id, scale in found.removed],
    }


def _data(pair: Pair) -> dict[str, Any]:
    fields = ("verdict", "reason", "detail", "estimate", "ci_low", "ci_high", "n", "run_id", "family_size")
    sides = {"was": pair.was, "now": pair.now}
    told = {name: {f: row[f] for f in fields} if row else None for name, row in sides.items()}
    shared = {"claim_id": pair.key[0], "scale": pair.key[1], "bound": pair.now["bound"], "expected": pair.now["expected"]}
    return shared | told | {"versions": pair.versions, "again": again(pair)}


def _table(found: Comparison, width: int) -> str:
    blocks = [f"{_fitted(headline(found), width)}\n{_fitted(f'baseline: {found.baseline}', width)}"]
    blocks += [_block("FLIP", pair, width) for pair in found.flips]
    blocks += [_block("REFUTED", pair, width) for pair in found.refutations]
    blocks += ["\n".join(_fitted(line, width) for line in lines) for lines in (_failures(found), _rest(found)) if lines]
    return "\n\n".join(blocks)


def _block(word: str, pair: Pair, width: int) -> str:
    was, now = pair.was, pair.now
    before = f"{_verdict(was)} -> " if was else f"registered as {now['expected']} -> "
    lines = [f"{word} {pair.key[0]} [{pair.key[1]}]: {before}{_verdict(now)}", f"  bound     {now['bound'] or '–'}"]
    lines += [f"  baseline  {_estimate(was)}, n {was['n']}, {was['run_id']}"] if was else []
    lines += [f"  now       {_estimate(now)}, n {now['n']}, {now['run_id']}"]
    lines += [f"  why       {now['detail']}"] if now["detail"] else []
    lines += [f"  note      {note}" for note in notes(pair)]
    head = [_fitted(line, width, " " * 12) for line in lines]
    return "\n".join([*head, f"  again     {again(pair)}"])  # never folded: it is there to be copied


def _failures(found: Comparison) -> list[str]:
    lines = [
        f"SPEC {each.claim_id}: version {each.version} in both, but spec {each.old_sha} became {each.new_sha}; "
        "raise version= and say why=, or restore it"
        for each in found.changed
    ]
    return lines + [f"BROKEN {gone.claim_id} [{gone.scale}]: {_first_line(gone.why)}" for gone in found.broken]


def _rest(found: Comparison) -> list[str]:
    """What is told and fails nothing."""
    lines = []
    if found.moved:
        far = [pair for pair in found.moved if pair.shift >= FAR]
        named = [f"{_named(pair.key)} {_number(pair.was['estimate'])} -> {_number(pair.now['estimate'])}" for pair in far]
        some = f"; {len(far)} by more than half of the interval's half-width: {_listed(named)}" if far else ""
        lines.append(f"moved: {len(found.moved)} more on other numbers than the baseline's, with the same verdict{some}")
    for title, keys in (
        ("new version, so not compared", [f"{_named(p.key)} {p.was['version']} -> {p.now['version']}" for p in found.revised]),
        ("new, not in the baseline", [f"{_named(pair.key)} {pair.now['verdict']}" for pair in found.new]),
        ("removed since the baseline", [_named(key) for key in found.removed]),
    ):
        lines += [f"{title}: {len(keys)}: {_listed(keys)}"] if keys else []
    return lines + _unmeasured(found.unmeasured)


def _unmeasured(gone: Sequence[Gone]) -> list[str]:
    if not gone:
        return []
    skipped = [f"{each.claim_id} [{each.scale}] ({_first_line(each.why)})" for each in gone if each.why]
    papers = Counter(f"{each.claim_id.partition('/')[0]} [{each.scale}]" for each in gone if not each.why)
    counted = ", ".join(f"{paper} {number}" for paper, number in papers.items())
    lines = [f"not measured here, in the baseline: {len(gone)}" + (f": {counted}" if counted else "")]
    return lines + ([f"of them skipped: {_listed(skipped)}"] if skipped else [])


def _markdown(found: Comparison) -> str:
    parts = [f"### {_safe(headline(found))}"]
    pairs = [*found.flips, *found.refutations]
    if pairs:
        parts.append(markdown_table(HEADS, [[_safe(text) for text in _cells(pair)] for pair in pairs]))
        parts.append("```sh\n" + "\n".join(again(pair) for pair in pairs) + "\n```")
    remarks = [f"{_named(pair.key)}: {note}" for pair in pairs for note in notes(pair)]
    lines = [*_failures(found), *remarks, *_rest(found)]
    parts += ["\n".join(f"- {_safe(line)}" for line in lines)] if lines else []
    return "\n\n".join(parts)


def _cells(pair: Pair) -> tuple[str, ...]:
    was, now = pair.was, pair.now
    before = (_verdict(was), _estimate(was), str(was["n"])) if was else (f"registered as {now['expected']}", "–", "–")
    n = str(now["n"]) if before[2] in (str(now["n"]), "–") else f"{before[2]} -> {now['n']}"
    cells = (before[0], f"**{_verdict(now)}**", now["bound"] or "–", before[1], _estimate(now), n, now["detail"] or "–")
    return (*pair.key, *cells)


def _verdict(row: Mapping[str, Any]) -> str:
    return row["verdict"] + (f" ({row['reason']})" if row["reason"] else "")


def _estimate(row: Mapping[str, Any]) -> str:
    if row["ci_low"] is None and row["ci_high"] is None:
        return _number(row["estimate"])
    return f"{_number(row['estimate'])} [{_number(row['ci_low'])}, {_number(row['ci_high'])}]"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _named(key: tuple[str, str]) -> str:
    return f"{key[0]} [{key[1]}]"


def _listed(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    return ", ".join(texts[:SHOWN]) + more


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0]


def _fitted(text: str, width: int, indent: str = "  ") -> str:
    return textwrap.fill(text, width, subsequent_indent=indent, break_on_hyphens=False, break_long_words=False)


def _safe(text: str) -> str:
    """Markup in a claim's text stays text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")

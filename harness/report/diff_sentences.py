"""The sentences of a diff's screen, a label and a text each: how large, how dense, where, what moved more than noise moves it.

Numbers are medians over matrices. "More than noise" reads all matrices together (`diff_rows.together`); the counts in brackets are of
single matrices beyond their own draws.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from statistics import fmean, median

from harness.report.diff_rows import MARGIN, ByName, Row, beyond, few, middle, number, numbers, sizes, together

ULPS = (("ulp_1", "1 step"), ("ulp_2", "2"), ("ulp_4", "3-4"), ("ulp_8", "5-8"), ("ulp_more", "more"))
ROUTES = {
    "gram-fp32": "fp32 Gram",
    "gram-fp64": "fp64 Gram",
    "krylov": "block Krylov",
    "second-order": "second order",
    "lanczos": "Lanczos",
}
GROUPS = dict.fromkeys(("nss", "kappa", "rho"), "spectrum") | dict.fromkeys(("angle", "angle_rounding"), "angles")
GROUPS |= dict.fromkeys((f"{side}{kind}_rank" for side in ("", "base_") for kind in ("stable", "entropy", "energy")), "ranks")


def sentences(matrices: ByName) -> Iterator[tuple[str, str]]:
    """What can be said of these matrices."""
    yield from _refused(matrices)
    yield from _size(matrices)
    yield from _dense(matrices)
    yield from _where(matrices)
    yield from _stripes(matrices)
    yield from _spectrum(matrices)
    yield from _frames(matrices)
    yield from _energy(matrices)
    yield from _ranks(matrices)


def routes(matrices: ByName) -> str | None:
    """Which values were not computed directly, how, and within what of themselves; None where all were direct, or no row says."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for each in matrices.values():
        for row in each.values():
            if row.get("route") in ROUTES and row["value"] is not None and row["metric"] in GROUPS:
                groups[str(row["route"])].append(row)
    if not groups:
        return None
    parts = [f"{_metrics(rows)} by {ROUTES[route]} on {_count({row['name'] for row in rows})}{_error(rows)}" for route, rows in groups.items()]
    rough = numbers(matrices, "fp32_error")
    checked = f"; fp32 shifts are off by {max(0.001, *rough):.1%} at most, of {len(rough)} read both ways" if rough else ""
    return f"values: {'; '.join(parts)}; all else direct{checked}"


def _metrics(rows: Sequence[Row]) -> str:
    return ", ".join(dict.fromkeys(GROUPS[str(row["metric"])] for row in rows))


def _error(rows: Sequence[Row]) -> str:
    """The largest bound relative to its value; where that says nothing, on how many."""
    bounded = [(float(row["bound"]), abs(float(row["value"]))) for row in rows if row.get("bound") is not None]
    useful = [bound / value for bound, value in bounded if bound < value]
    lost = len(bounded) - len(useful)
    parts = [f"error below {max(0.001, max(useful)):.1%}"] if useful else []
    parts += [f"bound above the value itself {lost} times"] if lost else []
    return f" ({'; '.join(parts)})" if parts else ""


def _refused(matrices: ByName) -> Iterator[tuple[str, str]]:
    for status, label in (("nonfinite", "not finite"), ("refused", "refused")):
        why: dict[str, dict[str, None]] = defaultdict(dict)
        for name, each in matrices.items():
            for row in each.values():
                if row["status"] == status:
                    why[str(row.get("detail") or f"no {row['metric']}")][name] = None
        for detail, names in list(why.items())[:3]:
            yield label, f"{_count(names)} ({few(list(names))}): {detail}"


def _size(matrices: ByName) -> Iterator[tuple[str, str]]:
    known = sorted(sizes(matrices))
    still = len(numbers(matrices, "relative_norm")) - len(known)
    if known:
        same = f"; {still} of {len(matrices)} matrices did not move" if still else ""
        yield "how large", f"relative norm {median(known):.2e} (median; {known[0]:.1e} to {known[-1]:.1e}){same}"


def _dense(matrices: ByName) -> Iterator[tuple[str, str]]:
    density = middle(matrices, "bf16_density")
    if density is not None:
        yield "how dense", f"{density:.3g} of the entries differ in bf16{_beside_noise(matrices, 'bf16_density')}"
    shares = [(label, numbers(matrices, metric)) for metric, label in ULPS]
    if all(found for _, found in shares):
        text = ", ".join(f"{label}: {fmean(found):.0%}" for label, found in shares)
        yield "steps", f"of the changed entries moved by bf16 steps: {text}"


def _where(matrices: ByName) -> Iterator[tuple[str, str]]:
    by_module: dict[str, list[float]] = defaultdict(list)
    by_layer: dict[int, list[float]] = defaultdict(list)
    for each in matrices.values():
        value = number(each, "relative_norm")
        if value:
            row = each["relative_norm"]
            by_module[str(row["module"])].append(value)
            by_layer[int(row["layer"])].append(value)
    parts = []
    for what, found in (("", by_module), ("layer ", by_layer)):
        ranked = sorted((median(values), key) for key, values in found.items())
        (low, least), (high, most) = ranked[0], ranked[-1]
        if high > (1 + MARGIN) * low:
            parts.append(f"most in {what}{most} ({high:.1e}), least in {what}{least} ({low:.1e})")
    if max(len(by_module), len(by_layer)) > 1:
        yield "where", "; ".join(parts) or "alike in all modules and layers"


def _stripes(matrices: ByName) -> Iterator[tuple[str, str]]:
    for metric, what in (("row_stripes", "rows"), ("column_stripes", "columns")):
        above, _ = beyond(matrices, metric)
        if above:
            compared = len(numbers(matrices, metric, "null_mean"))
            some = [f"{name} {matrices[name][metric]['value']:.2g}, noise {matrices[name][metric]['null_mean']:.2g}" for name in above]
            yield "stripes", f"{what} stand out beyond noise in {len(above)} of {compared} ({few(some, 2)})"


def _spectrum(matrices: ByName) -> Iterator[tuple[str, str]]:
    kappa, shift = middle(matrices, "kappa"), middle(matrices, "nss")
    if kappa is None and shift is None:
        return
    says = _as_noise(matrices, "kappa", "moved {} noise moves it: ")
    values = [f"kappa {kappa:.3g} (isotropic noise: 1)" if kappa is not None else "", f"NSS {shift:.2e}" if shift is not None else ""]
    yield "spectrum", says + ", ".join(filter(None, values)) + _beside_noise(matrices, "kappa")


def _frames(matrices: ByName) -> Iterator[tuple[str, str]]:
    turned, floor = middle(matrices, "angle"), middle(matrices, "angle_rounding")
    if turned is None:
        return
    rounding = f"; bf16 rounding of the base turns {floor:.2g}: {turned / max(floor, 1e-300):.3g} times that" if floor is not None else ""
    says = _as_noise(matrices, "angle", "turned {} noise turns them: ")
    yield "frames", f"{says}{turned:.3g} rad at the gapped k{_beside_noise(matrices, 'angle')}{rounding}"


def _energy(matrices: ByName) -> Iterator[tuple[str, str]]:
    energy = middle(matrices, "enrichment_uv")
    if energy is not None:
        found = together(matrices, "enrichment_uv")
        where = "principal" if found and found.ratio > 1 else "off-principal"
        says = "" if found is None else f"{where}: " if found.is_beyond else "neither principal nor off: "
        text = f"{energy:.3g} times chance between the {_leading(matrices)} leading directions"
        yield "energy", f"{says}{text}{_beside_noise(matrices, 'enrichment_uv')}"
    masks = middle(matrices, "overlap_principal")
    if masks is not None:
        chance = middle(matrices, "overlap_principal", "chance") or 0.3
        text = f"{masks:.3g} of the visible changes lie on principal weights, chance {chance:.2g}"
        yield "masks", text + _beside_noise(matrices, "overlap_principal")


def _ranks(matrices: ByName) -> Iterator[tuple[str, str]]:
    parts = []
    for prefix, of, last in (("", "of the update: ", _beside_noise(matrices, "stable_rank")), ("base_", "of the base: ", "")):
        known = [(kind, middle(matrices, f"{prefix}{kind}_rank")) for kind in ("stable", "entropy", "energy")]
        text = ", ".join(f"{kind} {value:.3g}" for kind, value in known if value is not None)
        parts += [f"{of}{text}{last}"] if text else []
    if parts:
        yield "rank", "; ".join(parts)


def _leading(matrices: ByName) -> str:
    """How many directions count as leading, over all matrices."""
    known = sorted({int(each["enrichment_uv"]["k"]) for each in matrices.values() if each.get("enrichment_uv", {}).get("k")})
    return "" if not known else str(known[0]) if known[0] == known[-1] else f"{known[0]} to {known[-1]}"


def _as_noise(matrices: ByName, metric: str, text: str) -> str:
    """The text with "more than", "less than" or "as"; empty where there is no noise to compare with."""
    found = together(matrices, metric)
    if found is None:
        return ""
    how = "as" if not found.is_beyond else "more than" if found.ratio > 1 else "less than"
    return text.format(how)


def _beside_noise(matrices: ByName, metric: str) -> str:
    noise = middle(matrices, metric, "null_mean")
    if noise is None:
        return ""
    above, below = beyond(matrices, metric)
    return f" (noise {noise:.3g}; {len(above)} above it, {len(below)} below)"


def _count(names: Collection[object]) -> str:
    count = len(names)
    return f"{count} {'matrix' if count == 1 else 'matrices'}"

"""What the named queries answer, on stores of which the answer is known."""

import json
from math import exp

import pyarrow.parquet as pq
import pytest
from harness.store import writer
from harness.store.queries.queries import all_queries
from harness.store.reader import query
from harness.store.writer import Session


@pytest.fixture
def answer(store):
    """answer(name, *arguments, **options): the rows."""

    def ask(name, *arguments, **options):
        named = all_queries()[name]
        bound = named.bind(arguments, {key: str(value) for key, value in options.items()})
        return query(store.folder, named.sql, bound).to_pylist()

    return ask


def series(rows, numbers, **given):
    return [rows.measurement(number, seed, **given) for seed, number in enumerate(numbers)]


def picked(found, *names):
    return [tuple(row[name] for name in names) for row in found]


def test_flips_are_newest_first_and_can_be_cut_at_a_day(store, rows, answer):
    for day, verdict in enumerate(("supported", "refuted", "supported")):
        store(day * 24 * 60, verdicts=[rows.verdict_row(verdict)])
    assert picked(answer("flips"), "previous_verdict", "verdict") == [("refuted", "supported"), ("supported", "refuted")]
    assert len(answer("flips", since="2026-11-23")) == 1 and answer("flips", since="2026-11-24") == []


def test_what_noise_explains(store, rows, answer):
    given = {"reason": "null explains it", "null_name": "isotropic", "null_estimate": 0.51, "estimate": 0.5}
    store(verdicts=[rows.verdict_row("inconclusive", **given), rows.verdict_row("supported", "paper/other")])
    assert picked(answer("noise-explains"), "claim_id", "null_name", "null_estimate") == [("paper/claim", "isotropic", 0.51)]


def test_verdicts_that_depend_on_scale(store, rows, answer):
    def at(scale, verdict, low, high, claim="paper/claim"):
        return rows.verdict_row(verdict, claim, scale=scale, ci_low=low, ci_high=high, estimate=(low + high) / 2)

    opposite = [at("tiny", "supported", 0.1, 0.2), at("small", "refuted", 0.8, 0.9)]
    undecided = [at("tiny", "supported", 0.1, 0.4, "paper/b"), at("small", "inconclusive", 0.3, 0.9, "paper/b")]
    same = [at("tiny", "supported", 0.1, 0.2, "paper/c"), at("small", "supported", 0.8, 0.9, "paper/c")]
    store(verdicts=[*opposite, *undecided, *same])
    assert picked(answer("scale-dependent"), "claim_id", "kind", "verdicts", "intervals") == [
        ("paper/claim", "opposite", "tiny supported, small refuted", "apart"),
        ("paper/b", "undecided", "tiny supported, small inconclusive", "meet"),
    ]


def test_what_would_settle_them_cheapest_first(store, rows, answer):
    def left(name, reason, settle=None, **given):
        return rows.verdict_row("inconclusive", f"paper/{name}", reason=reason, n=5, n_to_settle=settle, **given)

    values = [row for name in "ab" for row in series(rows, [1.0] * 5, claim_id=f"paper/{name}", duration_s=2.0)]
    nulls = series(rows, [1.0] * 5, claim_id="paper/b", role="null", control="isotropic", duration_s=10.0)
    verdicts = [left("b", "straddles", 9), left("a", "straddles", 15), left("c", "null explains it", null_name="isotropic")]
    store(measurements=values + nulls, verdicts=[*verdicts, left("d", "control failed", detail="no plant"), rows.verdict_row()])
    found = answer("to-settle")
    assert picked(found[:2], "claim_id", "more_seeds", "seconds") == [("paper/a", 10, 20.0), ("paper/b", 4, 48.0)]
    assert found[0]["settled_by"] == "seeds: --claim-seeds 15"
    assert picked(found[2:], "claim_id", "more_seeds", "seconds") == [("paper/d", None, None), ("paper/c", None, None)]
    assert "no plant" in found[2]["settled_by"] and "isotropic meets this one" in found[3]["settled_by"]


def test_cost_counts_the_latest_session_alone(store, rows, answer):
    for minute, seconds in enumerate((100.0, 2.0)):
        values = series(rows, [1.0, 2.0], duration_s=seconds) + series(rows, [1.0, 2.0], role="null", control="x", duration_s=1.0)
        store(minute, measurements=values, verdicts=[rows.verdict_row()])
    [row] = answer("cost")
    assert (row["seconds"], row["claim_s"], row["null_s"], row["plant_s"], row["seconds_a_seed"], row["share"]) == (6, 4, 2, None, 3, 1)


def test_cost_is_cut_at_its_limit(store, rows, answer):
    names = [f"paper/{i}" for i in range(5)]
    values = [rows.measurement(claim_id=name, duration_s=float(i)) for i, name in enumerate(names)]
    store(measurements=values, verdicts=[rows.verdict_row(claim_id=name) for name in names])
    assert picked(answer("cost", limit=2), "claim_id") == [("paper/4",), ("paper/3",)] and len(answer("cost", limit=0)) == 5


def test_the_slowest_arms_share_a_replicates_time(store, rows, answer):
    values = series(rows, [1.0, 1.0], arms=["rlvr", "sft", "rng"], duration_s=4.0)
    values += series(rows, [1.0], claim_id="paper/other", arms=["sft"], duration_s=1.0)
    store(measurements=values, verdicts=[rows.verdict_row(), rows.verdict_row(claim_id="paper/other")])
    assert picked(answer("slowest-arms"), "arm", "claims", "replicates", "seconds") == [("sft", 2, 3, 5.0), ("rlvr", 1, 2, 4.0)]
    assert answer("slowest-arms", scale="small") == []


def test_what_a_library_changed(store, rows, answer):
    judged = dict(ci_low=0.4, ci_high=0.6)
    store(0, {"torch": "2.12", "numpy": "2.4"}, verdicts=[rows.verdict_row(estimate=0.5, **judged)])
    store(1, {"torch": "2.13", "numpy": "2.4"}, verdicts=[rows.verdict_row("refuted", estimate=0.8, **judged)])
    store(2, {"torch": "2.13", "numpy": "2.5"}, verdicts=[rows.verdict_row("refuted", estimate=0.8, **judged)])
    store(3, {"torch": "2.14", "numpy": "2.6"}, verdicts=[rows.verdict_row("refuted", estimate=0.9, **judged)])
    found = answer("versions", "torch")
    assert picked(found, "old", "new", "previous_verdict", "verdict", "moved", "also") == [
        ("2.12", "2.13", "supported", "refuted", 3.0, None),
        ("2.13", "2.14", "refuted", "refuted", 1.0, "numpy"),
    ]
    assert picked(answer("versions", "numpy"), "old", "new") == [("2.5", "2.6")] and len(answer("versions")) == 3


def test_where_rl_and_sft_differ(store, rows, answer):
    """A contrast inside a claim, on the log, and one metric on two arms, paired by seed; a claim of RL alone is neither."""
    ratios = [exp(0.5 + 0.1 * k) for k in (-1, 0, 1)]
    inside = series(rows, ratios, arms=["rlvr", "sft_off"], metric="NSS, RLVR over SFT")
    inside += series(rows, [1.0, 1.1, 0.9], role="null", control="isotropic", arms=["rlvr", "sft_off"], metric="NSS, RLVR over SFT")
    rl = series(rows, [3.0, 5.0, 4.0], claim_id="paper/rl", arms=["rlvr"], metric="drift")
    sft = series(rows, [1.0, 1.0, 1.0], claim_id="paper/sft", arms=["sft", "rng"], metric="drift")
    verdicts = [rows.verdict_row(bound="< 1 (log)", null_name="isotropic")]
    verdicts += [rows.verdict_row(claim_id=f"paper/{name}", bound="< 1") for name in ("rl", "sft")]
    store(measurements=[*inside, *rl, *sft], verdicts=verdicts)
    found = answer("rl-vs-sft")
    assert picked(found, "kind", "rl", "sft", "as", "sds", "n") == [
        ("claim", "rlvr", "sft_off", "ratio", 5.0, 3), ("pair", "rlvr", "sft", "less", 3.0, 3),
    ]  # fmt: skip
    assert found[0]["difference"] == pytest.approx(exp(0.5), rel=1e-3) and abs(found[0]["null_sds"]) < 0.1
    assert found[1]["difference"] == 3.0


NAMES = [f"layers.{layer}.{module}" for layer in (0, 1) for module in ("mlp.up_proj", "self_attn.q_proj")]


def test_which_layers_move_from_claims(store, rows, answer):
    """bf16 density is what changed in fp32 less what was lost: .8 and .4 in layer 1, .2 in layer 0; noise is even."""

    def density(role, still, lost, **given):
        shared = {"role": role, "arms": ["rlvr"], "names": NAMES, **given}
        one = series(rows, [0.0] * 2, claim_id="paper/still", metric="1 - change density in fp32", values=still, **shared)
        other = series(rows, [0.0] * 2, claim_id="paper/lost", metric="change density in fp32 - change density in bf16", values=lost, **shared)
        return one + other

    values = density("claim", [0.1] * 4, [0.7, 0.7, 0.1, 0.5]) + density("null", [0.0] * 4, [0.5] * 4, control="isotropic")
    store(measurements=values, verdicts=[rows.verdict_row(claim_id=f"paper/{n}", null_name="isotropic") for n in ("still", "lost")])
    assert picked(answer("layers"), "place", "value", "over_all", "null_over_all", "places") == [
        ("layer 1", 0.6, 1.5, 1.0, 2), ("layer 0", 0.2, 0.5, 1.0, 2),
    ]  # fmt: skip
    assert picked(answer("layers", by="module", top=1), "place", "over_all") == [("mlp.up_proj", 1.25)]
    assert picked(answer("layers", by="matrix", top=1), "place") == [("layers.1.mlp.up_proj",)]


def matrix(name, metric, value, **given):
    row = {"base": "B", "tuned": "T", "name": f"model.{name}.weight", "metric": metric, "value": value, "status": "ok"}
    return row | given


def curve(kind, module, y, step=10, **given):
    row = {"subject": "rlvr seed 0", "arm": "rlvr", "scale": "tiny", "step": step, "matrix": "", "kind": kind, "module": module}
    return row | {"x": [0.0, 1.0], "y": y, "status": "ok"} | given


def commit_with(folder, rows, **tables):
    Session(folder).open().commit({**tables, "runs": [rows.run_row()]})


def test_which_layers_move_in_a_diff_and_a_profile(store, rows, answer):
    sizes = [matrix(name, "relative_norm", size, null_mean=1.0) for name, size in zip(NAMES, (1.0, 1.0, 3.0, 3.0), strict=True)]
    curves = [curve("layer_update_norm", "mlp.up_proj", [9.0, 1.0], step=5), curve("layer_update_norm", "mlp.up_proj", [1.0, 4.0])]
    commit_with(store.folder, rows, matrices=sizes, profiles=curves)
    assert picked(answer("layers", top=1), "what", "metric", "place", "over_all", "null_over_all") == [
        ("rlvr seed 0", "layer_update_norm", "layer 1", 1.6, None), ("T", "relative_norm", "layer 1", 1.5, 1.0),
    ]  # fmt: skip


def test_effect_against_norm(store, rows, answer):
    """Claims: norms from what was matched. Diff: effect = norm^2 over matrices. Profile: at the last step, layer by layer."""
    norms = [0.1, 0.2, 0.4]
    matches = [json.dumps([{"arm": "sft", "to": "rlvr", "on": "update_norm", "achieved": norm}]) for norm in norms]
    values = [rows.measurement(1 / norm, seed, metric="m", matches=text) for seed, (norm, text) in enumerate(zip(norms, matches, strict=True))]
    store(measurements=values, verdicts=[rows.verdict_row()])
    sizes = [matrix(name, "relative_norm", 0.1 * (i + 1)) for i, name in enumerate(NAMES)]
    effects = [matrix(name, "nss", (0.1 * (i + 1)) ** 2, null_mean=0.1 * (i + 1)) for i, name in enumerate(NAMES)]
    curves = [curve(kind, module, y) for module in ("a", "b") for kind, y in (("layer_update_norm", [1.0, 2.0]), ("layer_nss", [2.0, 1.0]))]
    commit_with(store.folder, rows, matrices=sizes + effects, profiles=curves)
    found = answer("effect-vs-norm")
    assert picked(found, "source", "metric", "points", "rho", "slope") == [
        ("claim", "m", 3, -1.0, -1.0), ("diff", "nss", 4, 1.0, 2.0), ("profile", "layer_nss", 4, -1.0, -1.0),
    ]  # fmt: skip
    assert (found[1]["null_rho"], len(answer("effect-vs-norm", source="diff"))) == (1.0, 1)


def test_a_claim_that_was_removed_since_is_answered_for(store, rows, answer):
    """The store alone is asked: nothing looks for the claim in the suites."""
    store(verdicts=[rows.verdict_row(claim_id="gone/removed")], measurements=[rows.measurement(claim_id="gone/removed", duration_s=1.0)])
    assert picked(answer("cost"), "claim_id") == [("gone/removed",)]
    assert picked(answer("evidence", "gone/removed"), "value") == [(1.5,)]


def test_a_store_of_an_older_schema_is_answered_for(store, rows, answer):
    """Without the columns that came later, and without the table profiles."""
    run = store(verdicts=[rows.verdict_row()], measurements=series(rows, [1.0, 2.0], duration_s=1.0))
    for table, later in (("measurements", ["duration_s", "matches", "run_keys", "names", "values"]), ("verdicts", ["null_name", "n_to_settle"])):
        path = writer.table_path(store.folder, table, run)
        pq.write_table(pq.read_table(path).drop_columns(later), path)
    for name in all_queries():
        answer(name, *(["paper/claim"] if name == "evidence" else []))
    assert picked(answer("cost"), "claim_id", "seconds") == [("paper/claim", None)]

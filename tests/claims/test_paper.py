import importlib.util
import subprocess
import sys

import pytest

from harness.claims import Paper, all_claims, below, clear, exact, find, find_paper, greater, papers, swap, variant
from harness.errors import SpecError

NO = {"no_null": "none in this test", "no_plant": "none in this test"}


@pytest.fixture
def paper():
    return Paper("path-not-taken", arxiv="2511.08567", title="The Path Not Taken")


def declare(paper, id="spectrum-preserved", **fields):
    given = {"says": "it is small", "source": "Sec. 4.1", "bound": below(1.0, on="log"), **NO, **fields}
    return paper.claim(id, **given)


def test_the_body_is_returned_unchanged_with_its_claim(paper):
    def body(rlvr, sft, k=8):
        return rlvr / sft

    declared = declare(paper, null=variant(k=4), no_null="", floor=swap(sft="sft_twin"))(body)
    claim = declared.__claim__
    assert declared is body and declared(6.0, 2.0) == 3.0
    assert claim.id == "path-not-taken/spectrum-preserved" and claim.paper_title == "The Path Not Taken"
    assert claim.arms == ("rlvr", "sft") and claim.metric == "spectrum-preserved"
    assert claim.expect == (("tiny", "open"),) and len(claim.body_sha) == 16
    assert find(claim.id) is claim and all_claims() == (claim,) and papers() == {paper.id: paper}


def test_the_same_id_at_two_places_is_refused_naming_both(paper):
    @declare(paper)
    def first(rlvr):
        return rlvr

    with pytest.raises(SpecError, match=r"declared twice, at .*test_paper\.py:\d+ and at .*test_paper\.py:\d+"):

        @declare(paper)
        def second(rlvr):
            return rlvr


def test_importing_a_suite_twice_is_not_a_duplicate(tmp_path):
    suite = tmp_path / "test_suite.py"
    suite.write_text(
        "from harness.claims import Paper, below\n"
        "PAPER = Paper('p', arxiv='2511.08567', title='P')\n"
        "@PAPER.claim('c', says='s', source='1', bound=below(1), no_null='n', no_plant='n')\n"
        "def test_c(rlvr):\n    return 0.5\n"
    )
    for name in ("once", "twice"):
        spec = importlib.util.spec_from_file_location(name, suite)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    assert [claim.id for claim in all_claims()] == ["p/c"]


def test_one_paper_has_one_title(paper):
    declare(paper)(lambda_free)
    with pytest.raises(SpecError, match="declared in two ways"):
        declare(Paper("path-not-taken", arxiv="2511.08567", title="Another"), id="other")(lambda_free)


def lambda_free(rlvr):
    return rlvr


def starred(*arms):
    return arms


MALFORMED = {
    "unknown option": (lambda p: declare(p, null=variant(q=4), no_null="")(lambda_free), r"sets 'q', but .* defaults are \(\)"),
    "starred": (lambda p: declare(p)(starred), "must name its arguments"),
    "builtin": (lambda p: declare(p)(print), "must be a plain function"),
    "unknown null": (lambda p: declare(p, null="isotropc", no_null="")(lambda_free), "did you mean 'isotropic'"),
    "two floors": (lambda p: declare(p, floor=(swap(rlvr="a"), swap(rlvr="b")))(lambda_free), "one noise floor, not 2"),
    "no null": (lambda p: declare(p, no_null="")(lambda_free), "'path-not-taken/spectrum-preserved': give a null"),
    "no reason": (lambda p: declare(p, version=2)(lambda_free), "version 2 must say in why="),
    "paper id": (lambda p: Paper("Path", arxiv="", title="t"), "cannot be used as a name"),
    "arxiv": (lambda p: Paper("path", arxiv="v1", title="t"), "looks like 2511.08567"),
    "title": (lambda p: Paper("path", arxiv="", title=""), "needs a title"),
}


@pytest.mark.parametrize(("act", "sentence"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_declaration_is_refused(paper, act, sentence):
    with pytest.raises(SpecError, match=sentence):
        act(paper)


def test_unknown_names_come_with_their_neighbour(paper):
    declare(paper)(lambda_free)
    with pytest.raises(SpecError, match="unknown claim .*did you mean 'path-not-taken/spectrum-preserved'"):
        find("path-not-taken/spectrum-preserve")
    with pytest.raises(SpecError, match="unknown paper 'path-not-takn': did you mean 'path-not-taken'"):
        find("path-not-takn/spectrum-preserved")
    with pytest.raises(SpecError, match="unknown paper 'zzz': known are path-not-taken"):
        find_paper("zzz")
    assert find_paper("path-not-taken") == paper
    clear()
    with pytest.raises(SpecError, match="none so far"):
        find("a/b")


def test_pairs_and_exact_claims_declare_the_same_way(paper):
    assert declare(paper, id="a", bound=greater())(lambda_free).__claim__.bound.paired
    assert not declare(paper, id="b", bound=exact())(lambda_free).__claim__.bound.statistical


def test_declaring_and_importing_loads_no_heavy_library():
    code = "import sys, harness.claims; print([m for m in ('torch', 'pytest', 'scipy', 'pandas', 'duckdb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_judging_needs_no_scipy_stats():
    code = (
        "import sys; from harness.claims import *; import harness.claims.samples as s;"
        "x = s.Scores.of(below(1), [.1, .2, .4]).sample('t'); x.interval(.05); x.p_below(1.);"
        "print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

"""Every option, and every way to get one wrong: one sentence, a non-zero exit, serial and under xdist."""

from pytest import mark

BODY = """
@claim("rises", h.above(0.5))
def test_rises(rng, shift=1.0):
    return noisy(rng, shift)
"""


@mark.parametrize("workers", ["0", "2"], ids="n={}".format)
@mark.parametrize(
    "arguments, sentence",
    [
        (("--claim-scale", "tinny"), "did you mean 'tiny'"),
        (("--claim-seeds", "1"), "one replicate has no spread"),
        (("--claim-seeds", "five"), "give a whole number"),
        (("--claim-seed-base", "-1"), "give at least 0"),
        (("--claim-inconclusive", "maybe"), "choose one of skip, fail"),
        (("--claim-device", "tpu"), "choose cpu"),
        (("--claim-min-selected", "2"), "1 claims are selected, --claim-min-selected asks for 2"),
        (("-m", "claim(paper='toi')"), "claim"),
        (("-m", "claim(id='rise')"), "claim"),
    ],
    ids=lambda value: "-".join(value).replace("--", "") if isinstance(value, tuple) else "",
)
def test_a_wrong_option_is_refused_in_one_sentence(suite, arguments, sentence, workers):
    done = suite.write(BODY).run(*arguments, "-n", workers)
    text = done.stdout + done.stderr
    assert done.returncode == 4, text
    assert sentence in text and "INTERNALERROR" not in text and "Traceback" not in text
    assert not suite.results.exists() or not list(suite.results.rglob("*.parquet"))


@mark.parametrize("asked, hint", [("paper='toi'", "did you mean 'toy'"), ("id='rise'", "did you mean 'rises'")])
def test_a_mistyped_name_gets_a_hint(suite, asked, hint):
    done = suite.write(BODY).run("-m", f"claim({asked})")
    assert done.returncode == 4 and hint in done.stdout + done.stderr


def test_claims_are_selected_by_paper_id_and_scale(suite):
    for asked in ("claim(paper='toy')", "claim(id='rises')", "claim(scale='tiny')"):
        assert "1 passed" in suite.write(BODY).run("-m", asked).stdout


def test_plan_trains_and_measures_nothing(suite):
    body = """
@claim("contrast", h.above(0.5), null="isotropic", plant="principal_block")
def test_contrast(rlvr, sft):
    return 1.0
"""
    done = suite.write(body).run("--claim-plan")
    assert done.returncode == 0, done.stdout
    for arm, runs in (("pretrain", 5), ("rlvr", 5), ("sft", 5)):
        assert any(line.split()[:4] == [arm, "tiny", str(runs), "0"] for line in done.stdout.splitlines()), done.stdout
    assert not suite.results.exists() and not (suite.folder / "cache" / "runs").exists()
    refused = suite.run("--claim-plan", "-n", "2")
    assert refused.returncode == 4 and "run it without -n" in refused.stderr + refused.stdout


def test_seeds_and_seed_base_name_the_replicates(suite):
    suite.write(BODY).run("--claim-seeds", "3", "--claim-seed-base", "7")
    rows = suite.query("SELECT DISTINCT seed FROM measurements ORDER BY seed")
    assert [row["seed"] for row in rows] == [7, 8, 9]


def test_ini_twins_are_read_and_the_command_line_wins(suite):
    text = (suite.folder / "pyproject.toml").read_text()
    (suite.folder / "pyproject.toml").write_text(text + 'claim_seeds = "3"\nclaim_results = "elsewhere"\n')
    suite.results = suite.folder / "elsewhere"
    suite.write(BODY).run()
    assert suite.query("SELECT n FROM verdicts") == [{"n": 3}]
    suite.run("--claim-seeds", "4")
    assert suite.query("SELECT n FROM verdicts ORDER BY n") == [{"n": 3}, {"n": 4}]


def test_reruns_of_a_claim_are_an_error(suite):
    """No rerun plugin is installed here, so a stand-in adds its option."""
    (suite.folder / "conftest.py").write_text(
        'pytest_plugins = ["harness.plugin"]\n\n\n'
        'def pytest_addoption(parser):\n    parser.addoption("--reruns", type=int, default=0)\n'
    )
    done = suite.write(BODY).run("--reruns", "2")
    assert done.returncode == 1 and "cannot be rerun until it passes" in done.stdout


def test_a_model_folder_without_config_is_refused(suite):
    (suite.folder / "model").mkdir()
    body = BODY.replace("(rng, shift", "(base, rng, shift")
    done = suite.write(body).run("--claim-model", "model")
    assert done.returncode == 1 and "config.json" in done.stdout and "Traceback" not in done.stdout


def test_a_device_that_is_not_there_is_said(suite):
    done = suite.write(BODY).run("--claim-device", "cuda")
    if done.returncode != 0:  # with a GPU at hand the claim is simply judged
        assert "no usable CUDA device" in done.stdout
    else:
        assert "1 passed" in done.stdout


def test_nightly_claims_are_judged_only_where_asked_for(suite):
    body = BODY + BODY.replace('"rises", ', '"rises-slowly", nightly=True, bound=').replace("def test_rises", "def test_slowly")
    assert "1 passed, 1 deselected" in suite.write(body).run().stdout
    assert "2 passed" in suite.run("--claim-nightly").stdout
    assert "2 passed" in suite.run("--claim-nightly", "-n", "2").stdout

"""pytest plugin: a test whose function carries a claim is replicated, judged and recorded.

The plugin is inert where no claim is collected: no file, no print, no torch. A claim becomes one item per scale
(`[scale=tiny]`); its seeds are replicates inside the item. Workers of pytest-xdist attach rows to the report as JSON
text; the controlling process alone judges families and writes (harness.engine.ledger).

    pytest suites/ -m claim
    pytest suites/ -m "claim(paper='path-not-taken')" --claim-seeds 10
"""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from harness import options, plugin_progress
from harness.errors import HarnessError, Unavailable

LEDGER = "harness-ledger"
LOG_WIDTH = 200  # of a log that nobody folds


class Inconclusive(Exception):
    """The interval does not settle the claim; its own outcome, neither pass nor fail."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Runs at start-up: adds the --claim-* options and their ini twins."""
    options.add_to(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Runs once per process, before collection: checks the options, where a usage error is still clean under xdist."""
    config.addinivalue_line("markers", "claim(id, paper, scale, expect): a paper's claim, judged over seeds")
    try:
        config.stash[options.KEY] = chosen = options.read(config)
    except HarnessError as error:
        raise pytest.UsageError(str(error)) from None
    if chosen.plan and _workers(config) > 1:
        raise pytest.UsageError("--claim-plan trains and measures nothing; run it without -n")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Controller(config), LEDGER)
        config.pluginmanager.register(plugin_progress.Board(config), plugin_progress.Board.NAME)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One item per scale: those the claim lists, or those asked for."""
    claim = getattr(metafunc.function, "__claim__", None)
    if claim is None:
        return
    asked = metafunc.config.stash[options.KEY].scales
    scales = asked or claim.scales
    metafunc.fixturenames.append("claim_scale")
    metafunc.parametrize("claim_scale", scales, ids=[f"scale={scale}" for scale in scales])


def pytest_itemcollected(item: pytest.Item) -> None:
    """Gives a claim's item its marker, so that -m can select by paper, id and scale."""
    claim = _claim(item)
    if claim is None:
        return
    from harness import threads

    threads.configure(hub=item.config.stash[options.KEY].hub)
    expected = dict(claim.expect).get(_scale(item), "open")
    short = claim.id.partition("/")[2]
    item.add_marker(pytest.mark.claim(id=short, paper=claim.paper, scale=_scale(item), expect=expected))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves nightly claims out unless --claim-nightly asks for them; every process decides alike."""
    if config.stash[options.KEY].nightly:
        return
    from harness.engine import plan

    left_out = [item for item in items if _claim(item) and plan.is_nightly(_claim(item), _scale(item))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Runs after deselection: a serial session checks how much was selected (xdist: see Controller)."""
    if hasattr(session.config, "workerinput") or _workers(session.config) > 1:
        return
    controller = session.config.pluginmanager.get_plugin(LEDGER)
    claims = [item for item in session.items if _claim(item)]
    controller.selected([item.nodeid for item in claims], failed=bool(session.testsfailed))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """--claim-plan: print what would be trained, run nothing."""
    if not session.config.stash[options.KEY].plan:
        return None
    from harness.engine import dryrun

    cells = [(_claim(item), _scale(item)) for item in session.items if _claim(item)]
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    reporter.write_line("")
    for line in dryrun.lines(cells, session.config.stash[options.KEY]):
        reporter.write_line(line)
    return True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """What only a single claim can know: reruns, a scale that offers too little, a spec that changed silently."""
    claim = _claim(item)
    if claim is None:
        return
    from harness.engine import item as engine

    if item.config.getoption("reruns", 0) or 0:
        raise HarnessError("a claim cannot be rerun until it passes; drop --reruns")
    chosen = item.config.stash[options.KEY]
    engine.refuse_changed_spec(claim, chosen)
    reason = engine.unmet(claim, _scale(item), chosen)
    if reason:
        item.stash[options.MESSAGE] = engine.skipped(claim, _scale(item), reason, item.nodeid)
        pytest.skip(reason)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a claim: measure every replicate and control, judge at the family's first Holm step, compare with `expect`."""
    claim = _claim(pyfuncitem)
    if claim is None:
        return None
    from harness.engine import item as engine

    handles = {name: pyfuncitem.funcargs[name] for name in claim.arms if not engine.provides(name)}
    family = [_claim(other) for other in pyfuncitem.session.items if _claim(other) and _scale(other) == _scale(pyfuncitem)]
    try:
        done = engine.run(
            claim,
            pyfuncitem.obj,
            _scale(pyfuncitem),
            pyfuncitem.config.stash[options.KEY],
            nodeid=pyfuncitem.nodeid,
            handles=handles,
            family=family,
            tell=plugin_progress.teller(pyfuncitem.config),
        )
    except Unavailable as missing:  # only the body knows what it asks of a change
        pyfuncitem.stash[options.MESSAGE] = engine.skipped(claim, _scale(pyfuncitem), str(missing), pyfuncitem.nodeid)
        pytest.skip(str(missing))
    pyfuncitem.stash[options.MESSAGE] = done.message
    if done.outcome == "failed":
        raise AssertionError(done.sentence)
    if done.outcome == "inconclusive":
        raise Inconclusive(done.sentence)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo):
    """Turns Inconclusive into its own outcome, a harness error into its sentence, and attaches the rows as text."""
    report = yield
    claim = _claim(item)
    if claim is None:
        return report
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, Inconclusive):
        report.outcome, report.inconclusive = "skipped", True
        path, line, _ = item.location
        report.longrepr = (str(path), line or 0, str(error))
    elif isinstance(error, HarnessError):
        report.longrepr = str(error)
    elif isinstance(error, AssertionError) and options.MESSAGE in item.stash:
        report.longrepr = str(error)
    message = item.stash.get(options.MESSAGE, None)
    if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
        if message is None or report.outcome == "failed" and not isinstance(error, AssertionError):
            from harness.engine import item as engine

            skipped = report.outcome == "skipped"  # by a mark or a fixture of the suite, before it was measured
            message = (engine.skipped if skipped else engine.errored)(claim, _scale(item), str(error), item.nodeid)
        report.claim_rows = json.dumps(message, allow_nan=False)
        report.user_properties += [("claim_id", claim.id), ("verdict", message.get("verdict", ""))]
    return report


def pytest_report_teststatus(report: pytest.TestReport):
    """Shows an inconclusive claim as `?` and counts it apart."""
    if getattr(report, "inconclusive", False):
        return "inconclusive", "?", ("INCONCLUSIVE", {"yellow": True})
    return None


class Controller:
    """The controlling process: counts what was selected, keeps the ledger, prints the verdict table."""

    def __init__(self, config: pytest.Config):
        self.config = config
        self.chosen = config.stash[options.KEY]
        self.ledger = None
        self.problem: str | None = None

    def selected(self, nodeids: list[str], *, failed: bool) -> None:
        """Refuse to judge fewer claims than asked for; open the ledger where there are any."""
        fewest = self.chosen.min_selected
        if not failed and len(nodeids) < fewest:
            raise pytest.UsageError(
                f"{len(nodeids)} claims are selected, --claim-min-selected asks for {fewest}; check -m, -k and the paths"
            )
        asked = self.config.getoption("markexpr") or ""
        if not nodeids and not failed and re.search(r"\bclaim\b", asked):
            raise pytest.UsageError(f"-m {asked!r} selects no claim. {_known(asked)}")
        if nodeids and not self.chosen.plan and not self.config.option.collectonly:
            from harness import threads
            from harness.engine.ledger import Ledger

            try:
                if self.chosen.own:
                    threads.configure()  # headers are read by torch
                    self.chosen.own.check()
                self.ledger = Ledger(
                    self.chosen.results,
                    Path(self.config.rootpath),
                    seeds=self.chosen.seeds,
                    seed_base=self.chosen.seed_base,
                    scales=sorted({_scale_of(nodeid) for nodeid in nodeids}),
                    workers=_workers(self.config),
                    own=self.chosen.own,
                    judged=self.chosen.judged,
                    pooled=self.chosen.pooled,
                )
            except HarnessError as error:
                raise pytest.UsageError(str(error)) from None

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        """Under xdist, before a worker starts: every process measures the seeds that were drawn here."""
        node.workerinput["claim_fresh"] = [self.chosen.seed_base, list(self.chosen.pooled)]

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node, ids: list[str]) -> None:
        """Under xdist: the first worker's selection is everybody's."""
        if self.ledger is None:
            self.selected([nodeid for nodeid in ids if "[scale=" in nodeid], failed=False)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Takes a claim's rows from its report, in whichever process it ran."""
        text = getattr(report, "claim_rows", None)
        if text is not None and self.ledger is not None:
            try:
                self.ledger.receive(json.loads(text))
            except HarnessError as error:  # the disk is full, say: the session goes on, fails, and keeps what it has
                self.problem = str(error)

    def pytest_report_header(self) -> str | None:
        """Says whose weights are judged, or which fresh seeds, before the first claim takes its time."""
        own, seeds = self.chosen.own, self.chosen.replicates
        if self.chosen.judged == "evidence":
            number = len(self.chosen.pooled)
            return f"claims: evidence, seeds {seeds[0]} to {seeds[-1]}, with those of {number} earlier session{'s' * (number != 1)}"
        if own is None:
            return None
        return f"claims: on your own checkpoints, {own.replicates} of each arm ({', '.join(own.arms)}), base {own.base}"

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judges whole families and writes; a final verdict that contradicts its registration fails the session."""
        if self.ledger is None:
            return
        if self.ledger.claims:
            try:
                self.ledger.close()
            except HarnessError as error:
                self.problem = str(error)
        if (self.problem or self.ledger.flips()) and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter) -> None:
        """Prints the verdict table, and appends it to the job summary where a CI names one."""
        if self.problem:
            terminalreporter.write_line(f"ERROR {self.problem}", red=True)
        if self.ledger is None or not self.ledger.claims:
            return
        from harness.report import look
        from harness.report.cells import folded

        how = look.look(sys.__stdout__, log_width=LOG_WIDTH)
        terminalreporter.write_line("")
        color = terminalreporter.hasmarkup and not how.ascii
        terminalreporter.write_line(self.ledger.summary(width=how.width, color=color, ascii_only=how.ascii))
        for text in self.ledger.flips():
            says, *numbers = text.splitlines()
            for part in folded(f"FLIP {says}", how.width, "", "  "):
                terminalreporter.write_line(part, red=True)
            for line in numbers:  # columns that must not be folded
                terminalreporter.write_line(look.plain(line) if how.ascii else line)
        if os.environ.get("GITHUB_STEP_SUMMARY"):
            with open(os.environ["GITHUB_STEP_SUMMARY"], "a", encoding="utf-8") as page:
                page.write(self.ledger.markdown() + "\n")


def _claim(item: pytest.Item):
    return getattr(getattr(item, "function", None), "__claim__", None)


def _scale(item: pytest.Item) -> str:
    return item.callspec.params["claim_scale"]


def _scale_of(nodeid: str) -> str:
    return nodeid.rpartition("[scale=")[2].rstrip("]")


def _workers(config: pytest.Config) -> int:
    return len(config.getoption("tx", None) or []) or 1


def _known(asked: str) -> str:
    """A hint for a mistyped paper or claim id: the nearest registered name."""
    from harness.claims import all_claims, papers
    from harness.claims.names import unknown

    registered = {"paper": list(papers()), "id": [claim.id.partition("/")[2] for claim in all_claims()]}
    for key, known in registered.items():
        wanted = re.search(rf"\b{key}\s*=\s*['\"]([^'\"]+)['\"]", asked)
        if wanted and known and wanted.group(1) not in known:
            return str(unknown("claim" if key == "id" else key, wanted.group(1), known))
    return "`pytest suites/ -m claim --collect-only` lists the claims."


def _fixtures() -> dict[str, object]:
    """Fixtures by name: every arm and helper is a placeholder that the engine fills, every scale a model handle."""
    from harness.engine import arms
    from harness.models import scales
    from harness.models.handle import Handle

    def placeholder(name: str):
        @pytest.fixture(name=name)
        def arm(request: pytest.FixtureRequest) -> str:
            if _claim(request.node) is None:
                raise HarnessError(f"the fixture {name!r} is measured per seed; use it in a claim, not in a plain test")
            return name

        return arm

    def model(name: str):
        @pytest.fixture(name=name, scope="session")
        def handle(pytestconfig: pytest.Config):
            chosen = pytestconfig.stash[options.KEY]
            return Handle(scales.get(name), device=chosen.device)

        return handle

    made = {f"fixture_{name}": placeholder(name) for name in (*arms.trained(), *arms.SYNTHETIC, *arms.FAMILIES, *arms.HELPERS)}
    return made | {f"model_{name}": model(name) for name in scales.SCALES}


globals().update(_fixtures())

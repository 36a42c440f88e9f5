"""Benchmarks are collected only where pytest-benchmark is loaded, as `make bench` does; other sessions do not see them."""

import pytest

from harness.errors import HarnessError
from suites.benchmarks.race import Race

BENCHMARK = "pytest_benchmark.plugin"


def pytest_ignore_collect(collection_path, config: pytest.Config) -> bool | None:
    """Runs before a file is imported: without the plugin there is no `benchmark` fixture and nothing to time."""
    return None if config.pluginmanager.hasplugin(BENCHMARK) else True


@pytest.fixture
def race(request: pytest.FixtureRequest, benchmark) -> Race:
    """Times two runs against each other, in a process that has the machine to itself."""
    if hasattr(request.config, "workerinput"):
        raise HarnessError("benchmarks in parallel time each other; run `make bench`, which has no -n")
    return Race(benchmark)

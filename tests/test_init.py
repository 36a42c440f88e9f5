"""The public names resolve, and resolve lazily."""

import subprocess
import sys

from pytest import mark, raises

import harness


@mark.parametrize("name", harness.__all__)
def test_every_public_name_resolves_to_something_documented(name):
    assert getattr(harness, name).__doc__


def test_an_unknown_name_is_an_attribute_error():
    with raises(AttributeError, match="no attribute 'kapa'"):
        harness.kapa  # noqa: B018


def test_importing_claims_and_store_needs_neither_torch_nor_pytest():
    code = (
        "import sys, harness, harness.claims, harness.store.reader, harness.engine.rejudge, harness.report.terminal\n"
        "harness.below(1.0)\n"
        "print([name for name in ('torch', 'pytest', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"

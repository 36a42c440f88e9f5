import importlib.util
import itertools

import pytest

from harness.claims.fingerprint import body_sha
from harness.errors import SpecError

PLAIN = """
LIMIT = 3

def helper(x):
    return x * LIMIT

def body(rlvr, k=2):
    return helper(rlvr) / k
"""
_count = itertools.count()


@pytest.fixture
def sha_of(tmp_path):
    def sha(source, name="body"):
        path = tmp_path / f"suite_{next(_count)}.py"
        path.write_text(source)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return body_sha(getattr(module, name))

    return sha


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    return helper(rlvr) / k", '    """Says what it measures."""\n    # and why\n    return (\n        helper( rlvr )/k\n    )'),
        ("def body(rlvr, k=2):", "def body(rlvr: 'Change', k: int = 2) -> float:"),
        ("def body(", "def same(f):\n    return f\n\n@same\ndef body("),
        ("def helper(x):", 'def helper(x):\n    "Docstring of the helper."'),
        ("LIMIT = 3", "import math\nUNUSED = 7\n\ndef other():\n    return UNUSED\n\nLIMIT = 3  # three"),
    ],
    ids=["docstring and layout", "hints", "decorator", "helper docstring", "things it does not reach"],
)
def test_what_does_not_change_the_number_does_not_change_the_hash(sha_of, old, new):
    assert old in PLAIN
    assert sha_of(PLAIN.replace(old, new)) == sha_of(PLAIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/ k", "* k"),
        ("k=2", "k=4"),
        ("rlvr, k", "rlvr, sft, k"),
        ("x * LIMIT", "x + LIMIT"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = 3\nLIMIT += 1"),
    ],
    ids=["operator", "default", "arms", "helper", "constant", "constant changed later"],
)
def test_what_changes_the_number_changes_the_hash(sha_of, old, new):
    assert old in PLAIN
    assert sha_of(PLAIN.replace(old, new)) != sha_of(PLAIN)


def test_a_rename_of_the_body_alone_does_not_matter(sha_of):
    assert sha_of(PLAIN.replace("body", "test_it"), "test_it") == sha_of(PLAIN)


def test_recursion_and_classes_end(sha_of):
    source = "class A:\n    x = 1\n\ndef even(n):\n    return n == 0 or odd(n - 1)\n\ndef odd(n):\n    return not even(n)\n\ndef body(n):\n    return body if n < 0 else even(n) + A.x\n"
    assert sha_of(source) != sha_of(source.replace("x = 1", "x = 2"))


def test_the_hash_is_pinned(sha_of):
    """Stored with every verdict: it must not move with the Python version or a refactoring."""
    assert sha_of(PLAIN) == "b3ddc2ab5b103cec"


def test_a_body_without_a_file_is_refused():
    scope = {}
    exec("def body(rlvr):\n    return rlvr", scope)
    with pytest.raises(SpecError, match="write it as a def in a file"):
        body_sha(scope["body"])


@pytest.mark.parametrize("changed", ["LIMIT = 2", "def scale(x):\n    return x * LIMIT + 1"], ids=["constant", "function"])
def test_what_a_body_imports_from_its_own_folder_is_hashed_too(tmp_path, monkeypatch, changed):
    """A constant behind an imported function, and the function itself; a file elsewhere does not count."""
    monkeypatch.syspath_prepend(str(tmp_path))
    common = "LIMIT = 1\n\n\ndef scale(x):\n    return x * LIMIT\n"
    suite = "from {module} import scale\nfrom json import dumps\n\n\ndef body(rlvr):\n    return scale(rlvr)\n"
    found = []
    for n, text in enumerate((common, common, f"{common}\n\n{changed}\n")):
        module = f"common_{changed[:3].strip().lower()}_{n}"
        (tmp_path / f"{module}.py").write_text(text)
        path = tmp_path / f"suite_{n}.py"
        path.write_text(suite.format(module=module))
        spec = importlib.util.spec_from_file_location(f"suite_{module}", path)
        loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        found.append(body_sha(loaded.body))
    assert found[0] == found[1] != found[2]

"""A hash of what a claim's body computes, so that a changed body without a new version is seen.

Hashed: the body's syntax tree, and those of the functions, classes and constants that it reaches by name, in the same file
or imported from a file of the same folder (a suite's paper.py). Not hashed: comments, formatting, docstrings, decorators,
type hints of arguments, files elsewhere (the harness has versions of its own).
Trap: `ast.dump` and `ast.unparse` differ between Python versions; the tree is written out here, leaving out empty fields.
"""

import ast
import functools
import hashlib
import inspect
import json
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

from harness.errors import SpecError

Function = ast.FunctionDef | ast.AsyncFunctionDef
_LEFT_OUT = {"decorator_list", "annotation", "returns", "type_comment", "type_params", "ctx", "kind"}


def body_sha(body: Callable[..., Any]) -> str:
    """16 hex digits of the body's meaning. SpecError if its source cannot be read (a body typed at a prompt)."""
    file, line = inspect.getsourcefile(body) or "", body.__code__.co_firstlineno
    linecache.checkcache(file)
    source = "".join(linecache.getlines(file))
    node = _function_at(source, body.__name__, line) if source else None
    if node is None:
        raise SpecError(f"the source of the claim body {body.__name__!r} cannot be read: write it as a def in a file.")
    reached = _reach(node, {**_siblings(source, file), **_top_level(source)})
    text = json.dumps([_canonical(node, name=False), reached], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@functools.lru_cache(maxsize=64)
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def _function_at(source: str, name: str, line: int) -> Function | None:
    for node in ast.walk(_tree(source)):
        if isinstance(node, Function) and node.name == name:
            if min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) == line:
                return node
    return None


@functools.lru_cache(maxsize=64)
def _top_level(source: str) -> dict[str, list[ast.stmt]]:
    """Statements of the file that define a name, imports left out."""
    defined: dict[str, list[ast.stmt]] = {}
    for statement in _tree(source).body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names = [statement.name]
        elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            names = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        else:
            continue
        for name in names:
            defined.setdefault(name, []).append(statement)
    return defined


def _siblings(source: str, file: str) -> dict[str, list[ast.stmt]]:
    """Statements that define names of files in the same folder from which this one imports, under the imported names too."""
    defined: dict[str, list[ast.stmt]] = {}
    for statement in _tree(source).body:
        if not isinstance(statement, ast.ImportFrom) or statement.level or statement.module is None:
            continue
        other = getattr(sys.modules.get(statement.module), "__file__", None)
        if other is None or os.path.dirname(os.path.abspath(other)) != os.path.dirname(os.path.abspath(file)):
            continue
        linecache.checkcache(other)
        theirs = _top_level("".join(linecache.getlines(other)))
        imported = {alias.asname or alias.name: theirs[alias.name] for alias in statement.names if alias.name in theirs}
        defined |= theirs | imported
    return defined


def _reach(node: ast.AST, defined: dict[str, list[ast.stmt]]) -> dict[str, Any]:
    """Canonical form of every definition that `node` reaches by name, directly or through another, sorted."""
    reached: dict[str, Any] = {}
    waiting = [node]
    while waiting:
        for name in _names(waiting.pop()):
            if name in defined and name not in reached:
                reached[name] = [_canonical(statement) for statement in defined[name] if statement is not node]
                waiting.extend(statement for statement in defined[name] if statement is not node)
    return dict(sorted(reached.items()))


def _names(node: ast.AST) -> list[str]:
    """Names read in a tree, decorators and argument hints left out."""
    found = [node.id] if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) else []
    for field, value in ast.iter_fields(node):
        if field in _LEFT_OUT:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                found += _names(child)
    return found


def _canonical(value: Any, name: bool = True) -> Any:
    """A tree as nested lists: node type, then its non-empty fields; strings that stand alone (docstrings) left out."""
    if isinstance(value, ast.JoinedStr):  # Python 3.12 closes some f-strings with an empty text
        return ["JoinedStr", [_canonical(v) for v in value.values if not (isinstance(v, ast.Constant) and v.value == "")]]
    if isinstance(value, ast.AST):
        fields = [
            [field, _canonical(inner)]
            for field, inner in ast.iter_fields(value)
            if inner is not None and inner != [] and field not in _LEFT_OUT and (name or field != "name")
        ]
        return [type(value).__name__, *fields]
    if isinstance(value, list):
        return [_canonical(inner) for inner in value if not _stands_alone(inner)]
    return f"{type(value).__name__}:{value!r}"


def _stands_alone(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)

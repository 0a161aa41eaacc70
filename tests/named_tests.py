"""Tests by name: whether what a page or a table calls 'tests/folder/test_x.py::TestY::test_z' is there."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def tests_in(path: str) -> frozenset[str]:
    """The names of all tests of a file, those of a class behind its name; none if there is no such file."""
    file = ROOT / path
    if not file.is_file():
        return frozenset()
    return frozenset(_names(ast.parse(file.read_text(encoding="utf-8")).body))


def _names(body: list[ast.stmt], within: str = "") -> list[str]:
    found: list[str] = []
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            found += [within + node.name, *_names(node.body, f"{within}{node.name}::")]
        elif isinstance(node, _FUNCTIONS) and node.name.startswith("test_"):
            found.append(within + node.name)
    return found


def is_there(name: str) -> bool:
    """A test, or a class of tests, or a whole file of them."""
    path, _, test = name.partition("::")
    return test in tests_in(path) if test else bool(tests_in(path))

"""Rules of style that run: sizes, names, leftovers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GENERATED = {"src/penstock/wire/types.py", "src/penstock/wire/catalog.py"}
FOLDERS = ("src", "tests", "tools", "benches", "examples")
BANNED_MODULES = {"utils", "util", "helpers", "helper", "common", "base", "misc", "manager"}
BANNED_WORDS = re.compile(r"(Manager|Helper|Base|Util)$")
FUNCTION_LINES_MAX, FUNCTION_LINES_P90 = 60, 30
FILE_LINES_MAX = 500


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if str(path.relative_to(ROOT)) not in GENERATED:
                yield path


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {str(path): len(path.read_text().splitlines()) for path in sources(*FOLDERS)}
    assert not {path: lines for path, lines in long.items() if lines > FILE_LINES_MAX}


def test_no_function_is_longer_than_a_screen() -> None:
    found = [(str(path), name, lines) for path in sources(*FOLDERS) for name, lines in functions(path)]
    assert not [entry for entry in found if entry[2] > FUNCTION_LINES_MAX]


def test_nine_functions_of_ten_fit_on_half_a_screen() -> None:
    lengths = sorted(lines for path in sources("src") for _, lines in functions(path))
    assert lengths[int(len(lengths) * 0.9)] <= FUNCTION_LINES_P90


def test_modules_and_classes_are_named_for_what_they_are() -> None:
    assert not [str(path) for path in sources("src") if path.stem in BANNED_MODULES]
    classes = (
        node.name
        for path in sources("src")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
    )
    assert not [name for name in classes if BANNED_WORDS.search(name)]


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path)
        for path in sources("src", "tools")
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert not silent


def test_every_module_of_the_package_is_imported_somewhere() -> None:
    text = "\n".join(path.read_text() for path in sources(*FOLDERS)) + (ROOT / "pyproject.toml").read_text()
    dead = []
    for path in sources("src"):
        name = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
        package, _, module = name.rpartition(".")
        used = name in text or (f"from {package} import" in text and re.search(rf"\b{module}\b", text))
        if module not in ("__init__", "__main__") and not used:
            dead.append(name)
    assert not dead


@pytest.mark.parametrize("word", ["TO" + "DO", "FIX" + "ME", "XX" + "X"])
def test_nothing_is_left_for_later_without_a_number(word: str) -> None:
    open_ends = re.compile(rf"{word}(?!\(#\d+\))")
    assert not [str(path) for path in sources(*FOLDERS) if open_ends.search(path.read_text())]

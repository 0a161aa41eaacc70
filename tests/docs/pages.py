"""The documentation as text: its files, its tables, its blocks of code."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changelog.d").glob("*.md")])

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`]+)`")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The blocks of code in that language, in order."""
    return [code for found, code in _BLOCK.findall(text) if found == language]


def prose(text: str) -> str:
    """The page without its blocks of code."""
    return _BLOCK.sub("", text)


def rows(text: str) -> Iterator[list[str]]:
    """The cells of all rows of all tables, but for their heads."""
    lines = prose(text).splitlines()
    for number, line in enumerate(lines):
        is_rule = re.fullmatch(r"\|( *-+ *\|)+", line)
        is_head = number + 1 < len(lines) and re.fullmatch(r"\|( *-+ *\|)+", lines[number + 1])
        if line.startswith("|") and not is_rule and not is_head:
            yield [cell.strip() for cell in line.strip("|").split("|")]


def quoted(text: str) -> list[str]:
    return _QUOTED.findall(text)


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of the same level or a higher one."""
    level = len(heading) - len(heading.lstrip("#"))
    start = f"\n{text}".index(f"\n{heading}\n")
    rest = text[start + len(heading) :]
    following = re.search(rf"^#{{1,{level}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest

"""The page about the founding documents names what is there."""

import pytest

from docs.pages import page, quoted, rows
from named_tests import is_there
from seeds.documents import ERRORS, PATHS

PAGE = page("docs/reference/founding-documents.md")
NAMED = sorted({each for row in rows(PAGE) for cell in row for each in quoted(cell) if each.startswith("tests/")})


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_is_there(name: str) -> None:
    assert is_there(name)


def test_the_page_names_every_document_and_every_operation() -> None:
    text = PAGE.replace("\n", " ")
    assert all(f"API_{operation}.html" in text for operation in ERRORS)
    assert all(f"*AWS Code Pipeline API {path.title}*" in text for path in PATHS)
    assert all(f"`{path.operation}`" in text for path in PATHS)

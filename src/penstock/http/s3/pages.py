"""One page of a listing in key order, with keys that share a beginning rolled up into common prefixes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

from penstock.ports.objects import AFTER_ALL_KEYS

__all__ = ["Cursor", "Fetch", "Keyed", "Page", "Span", "after_marker", "collect", "successor"]

BATCH_ROWS = 250
LAST_CHARACTER = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


class Keyed(Protocol):
    @property
    def key(self) -> str: ...


R = TypeVar("R", bound=Keyed)


class Cursor(Struct, frozen=True):
    """Where to go on: at a key, and within that key behind a mark (a version, an upload) if there is one."""

    key: str
    mark: str = ""


class Span(Struct, frozen=True):
    """What is asked for: keys that begin with `prefix`, rolled up at the first `delimiter` behind it."""

    prefix: str
    delimiter: str
    entries_max: int

    @property
    def end(self) -> str:
        return successor(self.prefix) if self.prefix else AFTER_ALL_KEYS

    def rolled_up(self, key: str) -> str | None:
        """The common prefix that stands for the key, if one does."""
        if not self.delimiter:
            return None
        at = key.find(self.delimiter, len(self.prefix))
        return None if at < 0 else key[: at + len(self.delimiter)]


class Page(Struct, Generic[R]):
    """Rows and common prefixes, at most `entries_max` together; `next` is where the rest begins, if there is a rest."""

    rows: list[R]
    prefixes: list[str]
    next: Cursor | None = None
    last: Cursor = Cursor("")

    @property
    def size(self) -> int:
        return len(self.rows) + len(self.prefixes)


# Rows from a cursor on, at most that many.
Fetch = Callable[[Cursor, int], Awaitable[list[R]]]


async def collect(fetch: Fetch[R], mark: Callable[[R], str], span: Span, start: Cursor) -> Page[R]:
    """Gather one page. Where a common prefix holds many keys, the ones that it hides are jumped over, not read.

    `mark` tells apart rows of the same key; it gives an empty text if a key has one row only.
    """
    page: Page[R] = Page([], [])
    cursor = start
    limit = min(BATCH_ROWS, span.entries_max + 1)
    while span.entries_max:
        rows = await fetch(cursor, limit)
        before = page.size
        for row in rows:
            if row.key < cursor.key:
                continue
            if page.size == span.entries_max:
                page.next = cursor
                return page
            cursor = add(page, row, mark(row), span)
        if len(rows) < limit:
            break
        limit = min(BATCH_ROWS, 2 * (page.size - before) + 10)
        await asyncio.sleep(0)
    return page


def add(page: Page[R], row: R, mark: str, span: Span) -> Cursor:
    """Put a row, or the common prefix that stands for it, on the page; says where to go on."""
    prefix = span.rolled_up(row.key)
    if prefix is not None:
        page.prefixes.append(prefix)
        page.last = Cursor(prefix)
        return Cursor(successor(prefix))
    page.rows.append(row)
    page.last = Cursor(row.key, mark)
    return Cursor(row.key, mark) if mark else Cursor(row.key + "\0")


def after_marker(marker: str, span: Span) -> Cursor:
    """Behind a marker that a client sent. One that is a common prefix stands for all that it hides."""
    start = successor(marker) if span.rolled_up(marker) == marker else marker + "\0"
    return Cursor(max(start, span.prefix)) if marker else Cursor(span.prefix)


def successor(prefix: str) -> str:
    """The first text behind all those that begin with `prefix`, in the order of UTF-8 bytes."""
    head = prefix.rstrip(chr(LAST_CHARACTER))
    if not head:
        return AFTER_ALL_KEYS
    following = ord(head[-1]) + 1
    return head[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)

"""How values cross the wire to PostgreSQL and back.

A text column refuses the character NUL, and some texts that callers choose may hold it. It is written as two characters that
Unicode keeps for private ends, so that every text comes back as it went in. Whole numbers and truth values are always sent
as `bigint`: a statement is prepared once and not for every size of number.
"""

from typing import Any

import psycopg
from psycopg.abc import AdaptContext, Buffer
from psycopg.adapt import AdaptersMap
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown, TextBinaryLoader, TextLoader

__all__ = ["ADAPTERS", "escaped", "restored"]

# U+FDD0 is no character and never will be: it stands in front of what it stands for.
_MARK, _NUL, _ITSELF = "\ufdd0", "\ufdd0\ufdd1", "\ufdd0\ufdd2"
_MARK_BYTES = _MARK.encode()


def escaped(text: str) -> str:
    return text.replace(_MARK, _ITSELF).replace("\x00", _NUL)


def restored(text: str) -> str:
    return text.replace(_NUL, "\x00").replace(_ITSELF, _MARK)


class _TextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        if "\x00" in obj or _MARK in obj:
            obj = escaped(obj)
        return obj.encode()


class _TextBinaryDumper(StrBinaryDumper):
    def dump(self, obj: str) -> Buffer | None:
        if "\x00" in obj or _MARK in obj:
            obj = escaped(obj)
        return obj.encode()


class _TextLoader(TextLoader):
    def load(self, data: Buffer) -> str:
        raw = bytes(data)
        text = raw.decode()
        return restored(text) if _MARK_BYTES in raw else text


class _TextBinaryLoader(_TextLoader, TextBinaryLoader):
    pass


def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    # Of two, the one that comes last is taken where a statement does not say which it wants.
    for dumper in (_TextBinaryDumper, _TextDumper):
        adapters.register_dumper(str, dumper)
    for number_dumper in (Int8BinaryDumper, Int8Dumper):
        adapters.register_dumper(int, number_dumper)
    adapters.register_dumper(bool, Int8Dumper)
    for loader in (_TextLoader, _TextBinaryLoader):
        adapters.register_loader("text", loader)
    return adapters


class _Context:
    """What a new connection takes its adapters from."""

    adapters = _adapters()
    connection: Any = None


ADAPTERS: AdaptContext = _Context()

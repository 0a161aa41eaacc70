"""How texts cross the wire to PostgreSQL and back.

A text column refuses the character NUL, and some texts that callers choose may hold it. It is written as two characters that
Unicode keeps for private ends, so that every text comes back as it went in.
"""

from psycopg.abc import Buffer
from psycopg.types.string import StrBinaryDumper, StrDumperUnknown, TextBinaryLoader, TextLoader

__all__ = ["TEXT_DUMPERS", "TEXT_LOADERS", "escaped", "restored", "written"]

# U+FDD0 is no character and never will be: it stands in front of what it stands for.
_MARK, _NUL, _ITSELF = "\ufdd0", "\ufdd0\ufdd1", "\ufdd0\ufdd2"


def escaped(text: str) -> str:
    return text.replace(_MARK, _ITSELF).replace("\x00", _NUL)


def restored(text: str) -> str:
    return text.replace(_NUL, "\x00").replace(_ITSELF, _MARK)


def written(text: str) -> bytes:
    """A text as it crosses the wire."""
    if "\x00" in text or _MARK in text:
        text = escaped(text)
    return text.encode()


class _TextDumper(StrDumperUnknown):
    def dump(self, obj: str) -> Buffer | None:
        return written(obj)


class _TextBinaryDumper(StrBinaryDumper):
    def dump(self, obj: str) -> Buffer | None:
        return written(obj)


class _TextLoader(TextLoader):
    def load(self, data: Buffer) -> str:
        text = str(data, "utf-8")
        return text if text.isascii() or _MARK not in text else restored(text)


class _TextBinaryLoader(_TextLoader, TextBinaryLoader):
    pass


TEXT_DUMPERS = (_TextBinaryDumper, _TextDumper)
TEXT_LOADERS = (_TextLoader, _TextBinaryLoader)

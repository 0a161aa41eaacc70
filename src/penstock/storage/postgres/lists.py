"""Lists as parameters of a statement, an element for each row that it writes.

The driver's own way with them takes several times as long over each element, and a commit has thousands.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Any, ClassVar

from psycopg import postgres, pq
from psycopg.abc import AdaptContext, Buffer, DumperKey
from psycopg.adapt import Dumper, PyFormat
from psycopg.types.array import ListBinaryDumper

from penstock.storage.postgres.texts import written

__all__ = ["ListDumper"]

# As the wire has it: dimensions, whether there are nulls, the elements' type; how many elements, and the first one's number.
_HEAD = Struct("!iiiii").pack
_EMPTY = Struct("!iii").pack
_LENGTH = Struct("!i").pack
_WHOLE, _FLOAT = Struct("!iq").pack, Struct("!id").pack
_NULL = b"\xff\xff\xff\xff"


class _FlatDumper(Dumper):
    """Dumps lists of one type of elements, and nulls among them."""

    format = pq.Format.BINARY
    element: ClassVar[str]

    def __init__(self, cls: type, context: AdaptContext | None = None) -> None:
        super().__init__(cls, context)
        known = postgres.types[self.element]
        self.oid, self._element_oid = known.array_oid, known.oid

    def dump(self, obj: list[Any]) -> Buffer:
        if not obj:
            return _EMPTY(0, 0, self._element_oid)
        head = _HEAD(1, None in obj, self._element_oid, len(obj), 1)
        return b"".join((head, *self.pieces(obj)))

    def pieces(self, items: list[Any]) -> Iterable[bytes]:
        """Each element behind its length."""
        raise NotImplementedError


class _TextsDumper(_FlatDumper):
    element = "text"

    def pieces(self, items: list[str | None]) -> Iterable[bytes]:
        return _measured([None if item is None else written(item) for item in items])


class _BytesDumper(_FlatDumper):
    element = "bytea"

    def pieces(self, items: list[bytes | None]) -> Iterable[bytes]:
        return _measured(items)


class _WholesDumper(_FlatDumper):
    element = "int8"

    def pieces(self, items: list[int | None]) -> Iterable[bytes]:
        return [_NULL if item is None else _WHOLE(8, item) for item in items]


class _FloatsDumper(_FlatDumper):
    element = "float8"

    def pieces(self, items: list[float | None]) -> Iterable[bytes]:
        return [_NULL if item is None else _FLOAT(8, item) for item in items]


def _measured(items: Iterable[bytes | None]) -> list[bytes]:
    pieces: list[bytes] = []
    for item in items:
        if item is None:
            pieces.append(_NULL)
        else:
            pieces += (_LENGTH(len(item)), item)
    return pieces


def _kind(items: list[Any]) -> type[_FlatDumper] | None:
    """Who dumps such a list; None if the driver does."""
    types = set(map(type, items))
    types.discard(type(None))
    if types <= {str}:
        # And where all are null, which become whatever the statement takes them for.
        return _TextsDumper
    if types <= {bytes}:
        return _BytesDumper
    if types <= {int, bool}:
        return _WholesDumper
    return _FloatsDumper if types <= {int, float} else None


class ListDumper(ListBinaryDumper):
    """For connections to take in the driver's place. Lists in lists, and lists of other types, go the driver's way."""

    def get_key(self, obj: list[Any], form: PyFormat) -> DumperKey:
        return _kind(obj) or super().get_key(obj, form)

    def upgrade(self, obj: list[Any], form: PyFormat) -> Any:
        kind = _kind(obj)
        return kind(self.cls, self._tx) if kind is not None else super().upgrade(obj, form)

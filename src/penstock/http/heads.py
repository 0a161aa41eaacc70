"""The first lines of answers."""

from email.utils import formatdate
from http import HTTPStatus

__all__ = ["REASONS", "date_line"]

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


def date_line(now: float) -> bytes:
    """The `date` header of that second."""
    return b"date: %b\r\n" % formatdate(now, usegmt=True).encode()

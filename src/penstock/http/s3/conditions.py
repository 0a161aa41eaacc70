"""Conditions of a request on the version it is about: ETags and dates."""

from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime

from msgspec import Struct

from penstock.http.s3.errors import S3Error
from penstock.ports.objects import Condition, ObjectRow

__all__ = ["Conditions", "http_date", "read_conditions", "write_condition"]


class Conditions(Struct, frozen=True):
    """The four conditions, as sent; None where a header is missing or makes no sense."""

    match: str | None
    none_match: str | None
    modified_since: float | None
    unmodified_since: float | None

    def failed(self, row: ObjectRow) -> str | None:
        """The header that a version does not satisfy because it is another one."""
        if self.match is not None:
            return None if names(self.match, row.etag) else "If-Match"
        if self.unmodified_since is not None and int(row.last_modified) > self.unmodified_since:
            return "If-Unmodified-Since"
        return None

    def unchanged(self, row: ObjectRow) -> str | None:
        """The header by which the version is the one that the caller has already."""
        if self.none_match is not None:
            return "If-None-Match" if names(self.none_match, row.etag) else None
        if self.modified_since is not None and int(row.last_modified) <= self.modified_since:
            return "If-Modified-Since"
        return None


def read_conditions(headers: Mapping[str, str], prefix: str = "") -> Conditions:
    return Conditions(
        match=headers.get(f"{prefix}if-match"),
        none_match=headers.get(f"{prefix}if-none-match"),
        modified_since=moment(headers.get(f"{prefix}if-modified-since", "")),
        unmodified_since=moment(headers.get(f"{prefix}if-unmodified-since", "")),
    )


def write_condition(headers: Mapping[str, str]) -> Condition:
    """What a write asks of the current version; S3 knows `If-Match: etag` and `If-None-Match: *`."""
    absent = headers.get("if-none-match")
    if absent not in (None, "*"):
        raise S3Error("NotImplemented")
    etag = headers.get("if-match")
    return Condition(etag=None if etag is None else bare(etag), absent=absent is not None)


def names(listed: str, etag: str) -> bool:
    """Whether a list of ETags holds this one; `*` holds them all."""
    return any(bare(one) in ("*", etag) for one in listed.split(","))


def bare(etag: str) -> str:
    return etag.strip().removeprefix("W/").strip('"')


def moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None


def http_date(when: float) -> str:
    return formatdate(when, usegmt=True)

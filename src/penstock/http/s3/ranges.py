"""Byte ranges of an object: those that a reader asks for, and the parts that it was uploaded in."""

import re

from penstock.http.s3.errors import S3Error
from penstock.http.s3.request import S3Request, invalid
from penstock.ports.objects import ObjectRow

__all__ = ["asked_range", "copied_range"]

RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)
PARTS_MAX = 10_000


def asked_range(request: S3Request, row: ObjectRow) -> tuple[int, int] | None:
    """Start and length of what is asked for, or None if that is everything."""
    text = request.headers.get("range", "")
    if "partNumber" in request.query:
        if text:
            raise S3Error("InvalidRequest", "Cannot specify both Range header and partNumber query parameter")
        return part_range(request, row)
    found = RANGE.match(text.replace(" ", ""))
    # Several ranges, other units and nonsense are answered with the whole object.
    return None if found is None else span_of(found[1], found[2], row.size, text)


def span_of(first: str, last: str, size: int, text: str) -> tuple[int, int] | None:
    if not first and not last:
        return None
    if not first:
        length = min(int(last), size)
        start = size - length
    else:
        start = int(first)
        length = min(int(last), size - 1) - start + 1 if last else size - start
        if last and int(last) < start:
            return None
    if start >= size or length <= 0:
        details = {"RangeRequested": text, "ActualObjectSize": str(size)}
        raise S3Error("InvalidRange", details=details, headers={"content-range": f"bytes */{size}"})
    return start, length


def part_range(request: S3Request, row: ObjectRow) -> tuple[int, int]:
    """The bytes of one part; an object that was put in one piece is its own first part."""
    number = request.number("partNumber", 0, PARTS_MAX + 1)
    if not 1 <= number <= PARTS_MAX:
        message = "Part number must be an integer between 1 and 10000, inclusive"
        raise invalid("partNumber", request.query["partNumber"], message)
    sizes = row.part_sizes or (row.size,)
    if number > len(sizes):
        error = S3Error("InvalidPartNumber", "The requested partnumber is not satisfiable")
        error.status = 416
        raise error
    return sum(sizes[: number - 1]), sizes[number - 1]


def copied_range(text: str, size: int) -> tuple[int, int]:
    """Start and length of the range of a copied part, which must lie within its source."""
    found = RANGE.match(text)
    if found is None or not found[1] or not found[2]:
        message = "The x-amz-copy-source-range value must be of the form bytes=first-last"
        raise invalid("x-amz-copy-source-range", text, message)
    start, last = int(found[1]), int(found[2])
    if not start <= last < size:
        message = f"Range specified is not valid for source object of size: {size}"
        raise invalid("x-amz-copy-source-range", text, message)
    return start, last - start + 1

"""The time zones that a window can be told in: places, offsets from UTC, and abbreviations."""

import re
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:UTC|GMT)([+-])(\d{1,2}):?([0-5]\d)?")
_OFFSET_HOURS_MAX = 18

# An abbreviation is an offset, in hours: who wants summer time to begin and end names a place. One with several meanings
# has the one that it has here.
NAMES = {
    -11: "SST",
    -10: "HST",
    -9: "HDT AKST",
    -8: "AKDT PST",
    -7: "PDT MST",
    -6: "MDT CST",
    -5: "CDT EST COT PET",
    -4: "EDT AST CLT BOT VET",
    -3.5: "NST",
    -3: "ADT ART BRT CLST",
    -2.5: "NDT",
    0: "UTC GMT UCT WET",
    1: "WEST BST CET MET WAT",
    2: "CEST MEST EET CAT SAST",
    3: "EEST EAT MSK TRT",
    4: "GST SAMT AZT",
    5: "PKT UZT YEKT",
    5.5: "IST",
    5.75: "NPT",
    6: "OMST",
    7: "ICT WIB KRAT",
    8: "HKT SGT PHT MYT AWST WITA IRKT",
    9: "JST KST WIT YAKT",
    9.5: "ACST",
    10: "AEST CHST VLAT",
    10.5: "ACDT",
    11: "AEDT",
    12: "NZST",
    12.75: "CHAST",
    13: "NZDT",
    13.75: "CHADT",
}
ABBREVIATIONS = {name: hours for hours, names in NAMES.items() for name in names.split()}


def zone_of(text: str) -> tzinfo:
    """The zone that a text names: Region/City, UTC+HH:MM, or three to five letters. Raises ValueError."""
    named = text.strip()
    hours = ABBREVIATIONS.get(named.upper())
    if hours is not None:
        return timezone(timedelta(hours=hours), named.upper()) if hours else UTC
    if offset := _OFFSET.fullmatch(named.upper()):
        return _offset(offset)
    if "/" in named:
        try:
            return ZoneInfo(named)
        except (KeyError, ValueError, OSError):
            pass
    raise ValueError(
        f"'{text}' is not a time zone: name it as Region/City, as UTC+HH:MM or UTC-HH:MM, or by its abbreviation"
    )


def _offset(found: re.Match[str]) -> tzinfo:
    hours, minutes = int(found[2]), int(found[3] or 0)
    if hours > _OFFSET_HOURS_MAX:
        raise ValueError(f"'{found[0]}' is not a time zone: no offset is larger than {_OFFSET_HOURS_MAX} hours")
    distance = timedelta(hours=hours, minutes=minutes)
    return timezone(-distance if found[1] == "-" else distance)

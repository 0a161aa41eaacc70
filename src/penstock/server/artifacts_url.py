"""The store that `--artifacts-url s3://…` names."""

import re
from urllib.parse import parse_qsl, urlsplit

from penstock.artifacts.address import OuterStore

__all__ = ["FORM", "outer_store"]

FORM = "--artifacts-url takes file:///PATH or s3://BUCKET?endpoint_url=http://HOST:PORT"
PARAMETERS = ("endpoint_url", "sts_endpoint_url", "region", "poll_seconds")
POLL_SECONDS_MIN = 1.0
POLL_SECONDS_MAX = 86_400.0
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,64}")


def outer_store(url: str, region_default: str) -> OuterStore:
    """The store of an `s3://` address. Without `endpoint_url` it is AWS's own, whose region must be named.

    Raises ValueError with one line.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not _BUCKET.fullmatch(parts.netloc) or parts.path.strip("/") or parts.fragment:
        raise ValueError(FORM)
    given = _parameters(parts.query)
    region = given.get("region", region_default)
    if not _REGION.fullmatch(region):
        raise ValueError("--artifacts-url: region takes the name of a region, such as eu-west-1")
    endpoint_url = _address("endpoint_url", given)
    if not endpoint_url and "region" not in given:
        raise ValueError("--artifacts-url: name the store by endpoint_url=http://HOST:PORT, or region= for AWS's own")
    at_aws = "https://{}." + region + ".amazonaws.com"
    # The SDK knows AWS's domains; it takes a while to load, and most servers keep their own artifacts.
    from penstock.worker.client import is_aws

    return OuterStore(
        bucket=parts.netloc,
        endpoint_url=endpoint_url or at_aws.format("s3"),
        is_aws=not endpoint_url or is_aws(endpoint_url),
        sts_endpoint_url=_address("sts_endpoint_url", given) or endpoint_url or at_aws.format("sts"),
        region=region,
        poll_seconds=_seconds(given.get("poll_seconds", "60")),
    )


def _parameters(query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    for name, _ in pairs:
        if name not in PARAMETERS:
            known = ", ".join(PARAMETERS)
            raise ValueError(f"--artifacts-url does not know the parameter '{name}': it knows {known}")
    if len(dict(pairs)) < len(pairs):
        raise ValueError("--artifacts-url takes each parameter once")
    return dict(pairs)


def _address(name: str, given: dict[str, str]) -> str:
    text = given.get(name, "").rstrip("/")
    if name not in given:
        return ""
    try:
        parts = urlsplit(text)
        is_right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise ValueError(f"--artifacts-url: {name} takes an address such as http://127.0.0.1:9000")
    if "@" in parts.netloc or parts.query:
        raise ValueError(
            f"--artifacts-url: {name} takes no credentials: they come from the environment, as of AWS clients"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not POLL_SECONDS_MIN <= seconds <= POLL_SECONDS_MAX:
        raise ValueError("--artifacts-url: poll_seconds takes a number of seconds from 1 to 86400")
    return seconds

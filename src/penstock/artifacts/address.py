"""Where a store of objects is that is not this server's."""

from msgspec import Struct

__all__ = ["OuterStore"]


class OuterStore(Struct, frozen=True, kw_only=True):
    """Where objects lie that are not this server's. `poll_seconds` is how often sources look for new versions there."""

    bucket: str
    endpoint_url: str
    sts_endpoint_url: str
    region: str
    is_aws: bool
    poll_seconds: float = 60.0

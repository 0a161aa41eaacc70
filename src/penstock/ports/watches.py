"""Objects whose change starts a pipeline, and looks at those that lie in a store which does not tell of changes."""

from typing import Protocol

from msgspec import Struct

__all__ = ["Look", "LookWrites", "Watch"]


class Watch(Struct, frozen=True):
    """A source action that starts its pipeline when an object changes."""

    account: str
    bucket: str
    object_key: str
    pipeline_id: str
    action: str


class Look(Struct, frozen=True):
    """A watched object to be looked at; `seen` is what was found there last, empty before the first look."""

    watch: Watch
    seen: str


class LookWrites(Protocol):
    def claim(self, now: float, again_at: float, rows_max: int) -> list[Look]:
        """Watched objects that are due to be looked at; nobody else gets them before `again_at`."""

    def keep(self, look: Look, seen: str, again_at: float) -> bool:
        """Keep what was found; false, and nothing is kept, if it is no longer watched or somebody else has looked meanwhile."""

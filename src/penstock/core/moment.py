"""What a step may know of the world: handed in, so that the same state, command and moment always give the same step."""

from collections.abc import Callable

from msgspec import Struct

__all__ = ["Moment"]


class Moment(Struct, frozen=True):
    """`now` is in seconds since the epoch, the same for a whole batch; `new_id` gives lower-case UUIDs.

    `served` holds the type keys of AWS's action types that some worker of this installation works; an action of any other
    fails at once instead of waiting for nobody.
    """

    now: float
    new_id: Callable[[], str]
    served: frozenset[str] = frozenset()

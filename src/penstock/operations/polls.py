"""Who polled for what, and when: kept in memory, so that a job that nobody takes can say what came near it.

A poll costs one entry, or the renewal of one. The latest are kept, and what is said of all others holds since the last one
that was forgotten, or since the server started.
"""

from functools import lru_cache
from typing import NamedTuple

from penstock.core.model import TypeId
from penstock.core.wording import moment_words, span_words
from penstock.ports.identity import Principal
from penstock.wire import types as wire

__all__ = ["OWN_WORKER", "Polled", "Polls", "name_for", "polled", "poller", "query_words"]

OWN_WORKER = "the server's own worker"

KEPT_MAX = 4096
# A worker that polls does so at least about this often; AWS's own sample takes 30 seconds.
RECENT_SECONDS = 60.0
NEAR_MISSES_MAX = 4
# A worker that asks again within this time is not noted anew: most polls cost nothing.
FRESH_SECONDS = 1.0


class Polled(NamedTuple):
    """What a poll is for. `query` is NAME=VALUE or empty; `refused` is the code of the error that was the answer."""

    owner: str
    category: str
    provider: str
    version: str
    account: str
    region: str
    query: str
    refused: str = ""


class _Last:
    __slots__ = ("at", "who")

    def __init__(self) -> None:
        self.at = 0.0
        self.who = ""


@lru_cache(KEPT_MAX)
def polled(
    identity: wire.ActionTypeId | TypeId, account: str, region: str, query: str = "", refused: str = ""
) -> Polled:
    """A poll in one account and region. Types that are not custom are the same in all of them."""
    if identity.owner != "Custom" and not refused:
        account = region = ""
    return Polled(
        identity.owner, identity.category, identity.provider, identity.version, account, region, query, refused
    )


def query_words(query: dict[str, str] | None) -> str:
    """A queryParam, which has one entry at most."""
    return "".join(f"{name}={value}" for name, value in (query or {}).items())


def poller(principal: Principal) -> str:
    return OWN_WORKER if principal.kind == "service" else principal.arn


class Polls:
    """What was polled for since `since`; `kept_max` bounds what is remembered."""

    def __init__(self, since: float, kept_max: int = KEPT_MAX) -> None:
        self._started_at = self._since = since
        self._kept_max = kept_max
        self._last: dict[Polled, _Last] = {}

    def record(self, what: Polled, who: str, now: float) -> None:
        """Somebody polled: an answer with jobs or without, or a refusal."""
        last = self._last.get(what)
        if last is not None and last.who == who and 0.0 <= now - last.at < FRESH_SECONDS:
            return
        # The dict is in the order of the last polls, so the first entry is the one to forget.
        last = self._last.pop(what, None)
        if last is None:
            last = _Last()
            if len(self._last) >= self._kept_max:
                oldest = next(iter(self._last))
                self._since = max(self._since, self._last.pop(oldest).at)
        last.at, last.who = now, who
        self._last[what] = last

    def hints(self, wanted: Polled, account: str, now: float) -> list[str]:
        """What polls say of a waiting job of that account: when the last one for it was, and which came near it."""
        near = self._near(wanted, account)[:NEAR_MISSES_MAX]
        misses = [_near_miss(each, wanted, last, account, now) for each, last in near]
        return [self._last_one(wanted, account, now), *misses]

    def _near(self, wanted: Polled, account: str) -> list[tuple[Polled, _Last]]:
        """Other polls for that provider that are the account's business: the nearest first, of those the latest."""
        provider = wanted.provider.casefold()
        found = [
            (each, last)
            for each, last in self._last.items()
            if each != wanted and each.provider.casefold() == provider and each.account in ("", account)
        ]
        # A type of the same name may well have workers in another region: what differs otherwise tells more.
        return sorted(
            found,
            key=lambda one: (one[0].region != wanted.region, len(_differences(one[0], wanted)), -one[1].at),
        )

    def _last_one(self, wanted: Polled, account: str, now: float) -> str:
        last = self._last.get(wanted)
        if last is not None and now - last.at < RECENT_SECONDS:
            return f"{name_for(account, last.who)} polled for it {span_words(now - last.at)} ago"
        if last is not None:
            who = name_for(account, last.who)
            return f"nobody has polled for it for {span_words(now - last.at)}; the last one was {who}"
        if self._since > self._started_at:
            return f"nobody is known to have polled for it since {moment_words(self._since)}"
        return f"nobody has polled for it since the server started {span_words(now - self._started_at)} ago"


def name_for(account: str, who: str) -> str:
    """Who polled, as the account may know it: principals of other accounts, such as a partner's, are not named."""
    return who if f":{account}:" in who or ":" not in who else "a worker of another account"


def _differences(other: Polled, wanted: Polled) -> list[tuple[str, str]]:
    """In what another poll is unlike the one that was wanted: what it has, and what the job has."""
    found = [
        (f"{name} {theirs}", f"{name} {ours}")
        for name in ("owner", "category", "provider", "version")
        if (theirs := getattr(other, name)) != (ours := getattr(wanted, name))
    ]
    if other.region and wanted.region and other.region != wanted.region:
        found.append((f"region {other.region}", f"region {wanted.region}"))
    if other.query != wanted.query:
        found.append((other.query or "no queryParam", wanted.query or "no queryParam"))
    return found


def _near_miss(other: Polled, wanted: Polled, last: _Last, account: str, now: float) -> str:
    who = f"{name_for(account, last.who)} polled"
    ago = f"{span_words(now - last.at)} ago"
    refused = f"; it was refused ({other.refused})" if other.refused else ""
    differences = _differences(other, wanted)
    if not differences:
        return f"{who} for it {ago}{refused}"
    theirs, ours = (" and ".join(side) for side in zip(*differences, strict=True))
    return f"{who} with {theirs} {ago}, this job has {ours}{refused}"

"""What is known to exist on the server: planted at the start, and learned from each answer.

What belongs together is kept together, as the id of a job and its nonce, so that requests made of it get past the first check.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from random import Random
from typing import Any

RECORDS_MAX = 48
TRIED = 3
# Signers stay as they are: what bears this name is not learned, so nobody takes it away.
KEPT = "Keeper"
# What answers call a job's id is not what requests call it.
JOBS = frozenset({"PollForJobs", "GetJobDetails", "GetThirdPartyJobDetails"})

Record = dict[str, Any]


def called(operation: str, member: str) -> str:
    """By what name the pool knows a member of that operation's request or answer."""
    if member == "name":
        nouns = [noun for noun in ("Principal", "Webhook") if noun in operation]
        return f"{nouns[0]} name" if nouns else "pipelineName"
    if member == "id" and operation in JOBS:
        return "jobId"
    return "pipelineExecutionId" if member == "targetPipelineExecutionId" else member


class Pool:
    """`names` are the members that requests can have."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {*names, "pipelineName", "Principal name", "Webhook name"}
        self._client_tokens: dict[str, str] = {}
        self._planted: dict[str, list[Record]] = {}
        self._learned: dict[str, deque[Record]] = {}

    def plant(self, **members: Any) -> None:
        """Keep these for good."""
        self._known(members)
        for name in members:
            self._planted.setdefault(name, []).append(members)

    def learn(self, operation: str, request: Any, answer: Any) -> list[Record]:
        """Take what an answer tells, along with what was asked."""
        asked = _scalars(operation, request) if isinstance(request, dict) else {}
        found = [self._known(record) for record in _records(operation, answer, asked)]
        learned = [record for record in found if not any(str(value).startswith(KEPT) for value in record.values())]
        for record in learned:
            for name in record:
                self._learned.setdefault(name, deque(maxlen=RECORDS_MAX)).append(record)
        return learned

    def _known(self, record: Record) -> Record:
        """What requests have members for; a partner's job with the token that opens it."""
        client = record.get("clientId", "")
        if "clientToken" in record:
            self._client_tokens[client] = record["clientToken"]
        elif client in self._client_tokens and "jobId" in record:
            record = {**record, "clientToken": self._client_tokens[client]}
        return {name: value for name, value in record.items() if name in self._names}

    def some(self, names: list[str], source: Random) -> Record:
        """Values for as many of these members as there are; mostly such as belong together."""
        tried = [self._record(source.choice(names), source) for _ in range(TRIED)] if names else [{}]
        best = max(tried, key=lambda record: sum(name in record for name in names))
        found = {name: best[name] for name in names if name in best}
        return {name: self._record(name, source)[name] for name in names if self._knows(name)} | found

    def _knows(self, name: str) -> bool:
        return name in self._planted or name in self._learned

    def _record(self, name: str, source: Random) -> Record:
        """One that has a member of that name, or none."""
        kinds = [kept[name] for kept in (self._planted, self._learned) if name in kept]
        return source.choice(source.choice(kinds)) if kinds else {}


def _scalars(operation: str, value: dict[str, Any]) -> Record:
    return {called(operation, name): each for name, each in value.items() if isinstance(each, str | int | float)}


def _records(operation: str, value: Any, outer: Record) -> Iterator[Record]:
    """What each structure of an answer tells, along with what those around it tell."""
    if isinstance(value, list):
        for each in value:
            yield from _records(operation, each, outer)
    elif isinstance(value, dict):
        own = _scalars(operation, value)
        record = {**outer, **own}
        if own:
            yield record
        for each in value.values():
            if isinstance(each, dict | list):
                yield from _records(operation, each, record)

"""Values that a shape takes, mostly: at its limits, in between, and made of names that recur."""

import json
from collections.abc import Mapping
from copy import deepcopy
from random import Random
from typing import Any

from fuzz.pool import Pool, Record, called
from fuzz.shapes import Operation, Shape
from fuzz.texts import matching

NAMES = (
    "line",
    "gated",
    "Source",
    "Build",
    "Gate",
    "Pull",
    "Make",
    "Ask",
    "Origin",
    "Builder",
    "App",
    "main",
    "1",
    "a",
)
TEXTS = (
    "#{SourceVariables.CommitId}",
    "#{variables.Colour}",
    "#{codepipeline.PipelineExecutionId}",
    "$.ref",
    "refs/heads/main",
    "arn:aws:codepipeline:us-east-1:123456789012:line",
    "arn:aws:codepipeline:us-east-1:123456789012:actiontype:Custom/Build/Builder/1",
    "https://example.test/{Config:Mode}",
    "2026-01-02T03:04:05Z",
    "true",
    "60",
)
# Longer texts than this only make the requests slow; what the limits above it do is shown by tests of their own.
LENGTH_MAX = 5000
MORE_MAX = 3
SOON = 1_800_000_000

Examples = Mapping[str, list[dict[str, Any]]]


class Maker:
    """Makes the members of requests. `examples` are requests known to be good, by operation."""

    def __init__(self, source: Random, pool: Pool, examples: Examples) -> None:
        self.source, self.pool = source, pool
        self._examples = {name: [json.dumps(each) for each in several] for name, several in examples.items()}

    def request(self, operation: Operation, about: Record | None = None) -> dict[str, Any]:
        """A request that keeps its shape; mostly one of what exists, and often of an example. `about` is what it must be of."""
        given = self._examples.get(operation.name)
        is_given = given is not None and (about is not None or self.source.random() < 0.6)
        made: dict[str, Any] = (
            json.loads(self.source.choice(given or ["{}"])) if is_given else self.value(operation.request)
        )
        if about is not None:
            return made | self._members(operation, about)
        if not is_given or self.source.random() < 0.5:
            made |= self._known(operation, made)
        return self._with_more(made, operation.request) if self.source.random() < 0.1 else made

    def _with_more(self, made: dict[str, Any], shape: Shape) -> dict[str, Any]:
        """The same with one more member, or one made anew."""
        if shape.members:
            name = self.source.choice(list(shape.members))
            made[name] = self.value(shape.members[name])
        return made

    def _known(self, operation: Operation, made: dict[str, Any]) -> dict[str, Any]:
        """Members of what exists, for those that are required or there already, and for some others."""
        names = [called(operation.name, name) for name in operation.request.members]
        known = self._members(operation, self.pool.some(names, self.source))
        wanted = {*operation.request.required, *made}
        return {name: value for name, value in known.items() if name in wanted or self.source.random() < 0.15}

    def _members(self, operation: Operation, record: Record) -> dict[str, Any]:
        """What the record has for this operation's request."""
        found = {}
        for name, shape in operation.request.members.items():
            value = record.get(called(operation.name, name))
            if value is not None and shape.is_structured == isinstance(value, dict | list):
                found[name] = deepcopy(value)
        return found

    def value(self, shape: Shape) -> Any:
        match shape.kind:
            case "object":
                return {
                    name: self.value(member)
                    for name, member in shape.members.items()
                    if name in shape.required or self.source.random() < 0.3
                }
            case "map":
                assert shape.key is not None
                assert shape.item is not None
                return {self.text(shape.key): self.value(shape.item) for _ in range(self._count(shape))}
            case "array":
                assert shape.item is not None
                return [self.value(shape.item) for _ in range(self._count(shape))]
            case "string":
                return self.text(shape)
            case "boolean":
                return self.source.random() < 0.5
            case "number":
                return self.source.choice((SOON, SOON + 0.5, 0, 1))
            case _:
                return self._integer(shape)

    def _count(self, shape: Shape) -> int:
        low, high = shape.low or 0, shape.high if shape.high is not None else MORE_MAX
        return self.source.randint(low, max(low, min(high, low + MORE_MAX)))

    def _integer(self, shape: Shape) -> int:
        low, high = shape.low or 0, shape.high if shape.high is not None else 2**31 - 1
        return self.source.choice((low, min(low + 1, high), self.source.randint(low, high), high))

    def text(self, shape: Shape) -> str:
        if shape.choices:
            return self.source.choice(shape.choices)
        text = self._some_text(shape.pattern)
        low, high = shape.low or 0, min(shape.high if shape.high is not None else 200, LENGTH_MAX)
        if self.source.random() < 0.04:
            text = (text or "a") * high
        while len(text) < low:
            text += text or "a"
        return text[:high]

    def _some_text(self, pattern: str) -> str:
        if not pattern or pattern == "^(?:.*)$":
            return self.source.choice(TEXTS if self.source.random() < 0.5 else NAMES)
        if "{12}" in pattern or "{4}" in pattern or self.source.random() < 0.3:
            return matching(pattern, self.source)
        return self.source.choice(NAMES)

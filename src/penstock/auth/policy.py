"""Evaluation of IAM policy documents: a pure function of the documents, the question and its context.

An explicit deny wins over an allow, an allow over nothing, and nothing is a no. Supported is what identity policies
need here: Action, NotAction, Resource, NotResource with `*` and `?`, the condition operators of `_OPERATORS` with
`...IfExists`, `ForAnyValue:` and `ForAllValues:`, and `Null`. Anything else makes a document unfit: `check` refuses to
have it stored, and one that is met all the same denies everything, since a deny that is not understood must not be
passed over.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

__all__ = ["Decision", "check", "condition_keys", "decide"]

DOCUMENTS_MAX = 512
DECISIONS_MAX = 4096

Context = Mapping[str, str | tuple[str, ...]]
Test = Callable[[Context], bool]
Matcher = Callable[[str], bool]
Scalar = str | bool | int | float


class Decision(Enum):
    """What the policies say to one question."""

    ALLOW = "allow"
    EXPLICIT_DENY = "explicit deny"
    IMPLICIT_DENY = "implicit deny"


class StatementText(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A statement as it is written."""

    effect: Literal["Allow", "Deny"]
    sid: str = ""
    action: str | list[str] | UnsetType = UNSET
    not_action: str | list[str] | UnsetType = UNSET
    resource: str | list[str] | UnsetType = UNSET
    not_resource: str | list[str] | UnsetType = UNSET
    condition: dict[str, dict[str, Scalar | list[Scalar]]] = {}


class DocumentText(Struct, frozen=True, rename="pascal", forbid_unknown_fields=True):
    """A policy document as it is written."""

    statement: StatementText | list[StatementText]
    version: Literal["2008-10-17", "2012-10-17"] = "2008-10-17"
    id: str = ""


class Statement(Struct, frozen=True):
    """A statement as it is asked; actions are compared in lower case."""

    allows: bool
    matches_action: Matcher
    matches_resource: Matcher
    tests: tuple[Test, ...]
    keys: frozenset[str]

    def applies(self, action: str, resource: str, context: Context) -> bool:
        return (
            self.matches_action(action)
            and self.matches_resource(resource)
            and all(test(context) for test in self.tests)
        )


class Policies(Struct, frozen=True):
    """All documents of one caller together."""

    statements: tuple[Statement, ...]
    is_unfit: bool
    keys: frozenset[str]


_decoder = msgspec.json.Decoder(DocumentText)


def check(document: str) -> None:
    """Return if the document is one that `decide` understands in full; else ValueError with a sentence why not."""
    _parse(document)


def condition_keys(documents: tuple[str, ...]) -> frozenset[str]:
    """The condition keys that the documents ask for, in lower case: without them, no context makes a difference."""
    return _policies(documents).keys


def decide(documents: tuple[str, ...], action: str, resource: str, context: Context) -> Decision:
    """Whether the documents allow `action` on `resource`. Context keys and actions count in any case.

    A document that `check` would refuse denies everything.
    """
    policies = _policies(documents)
    if policies.is_unfit:
        return Decision.EXPLICIT_DENY
    if not policies.keys:
        return _decide_unconditional(documents, action, resource)
    return _weigh(policies, action, resource, {key.lower(): value for key, value in context.items()})


@lru_cache(maxsize=DECISIONS_MAX)
def _decide_unconditional(documents: tuple[str, ...], action: str, resource: str) -> Decision:
    return _weigh(_policies(documents), action, resource, {})


def _weigh(policies: Policies, action: str, resource: str, context: Context) -> Decision:
    decision = Decision.IMPLICIT_DENY
    for statement in policies.statements:
        if statement.applies(action.lower(), resource, context):
            if not statement.allows:
                return Decision.EXPLICIT_DENY
            decision = Decision.ALLOW
    return decision


@lru_cache(maxsize=DOCUMENTS_MAX)
def _policies(documents: tuple[str, ...]) -> Policies:
    try:
        statements = tuple(statement for document in documents for statement in _parse(document))
    except ValueError:
        return Policies((), is_unfit=True, keys=frozenset())
    return Policies(statements, False, frozenset(key for statement in statements for key in statement.keys))


def _parse(document: str) -> list[Statement]:
    text = _decoder.decode(document)
    statements = text.statement if isinstance(text.statement, list) else [text.statement]
    # Since 2012 `${` begins a variable; before, it was text like any other.
    read = _hide_escapes if text.version == "2012-10-17" else str
    return [_statement(statement, read) for statement in statements]


def _statement(text: StatementText, read: Callable[[str], str]) -> Statement:
    actions, is_action = _either(text.action, text.not_action, "Action")
    resources, is_resource = _either(text.resource, text.not_resource, "Resource")
    for action in actions:
        if action != "*" and not re.match(r"[A-Za-z0-9-]+:.", action):
            raise ValueError(f"Action {action!r} must be '*' or begin with a service's name and a colon.")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise ValueError(f"Resource {resource!r} must be in ARN format or '*'.")
    return Statement(
        allows=text.effect == "Allow",
        matches_action=_like([read(action).lower() for action in actions], is_action),
        matches_resource=_like([read(resource) for resource in resources], is_resource),
        tests=tuple(
            _test(operator, key.lower(), [read(value) for value in _texts(values)], allows=text.effect == "Allow")
            for operator, wanted in text.condition.items()
            for key, values in wanted.items()
        ),
        keys=frozenset(key.lower() for wanted in text.condition.values() for key in wanted),
    )


def _either(
    named: str | list[str] | UnsetType, excepted: str | list[str] | UnsetType, element: str
) -> tuple[list[str], bool]:
    """The patterns of an element or of its Not- form, and whether it is the first of the two."""
    match named, excepted:
        case str() | list(), UnsetType():
            return ([named] if isinstance(named, str) else named), True
        case UnsetType(), str() | list():
            return ([excepted] if isinstance(excepted, str) else excepted), False
        case _:
            raise ValueError(f"A statement must contain either {element} or Not{element}, and not both.")


def _hide_escapes(text: str) -> str:
    """The text with IAM's escaped wildcards replaced by stand-ins, which `_show` turns back."""
    if "${" not in text:
        return text
    for escape, stand_in in (("${*}", "\ufdd0"), ("${?}", "\ufdd1"), ("${$}", "\ufdd2")):
        text = text.replace(escape, stand_in)
    if "${" in text:
        raise ValueError(f"Policy variables are not supported: {text!r}.")
    return text


def _show(text: str) -> str:
    return text.translate({0xFDD0: "*", 0xFDD1: "?", 0xFDD2: "$"})


def _like(patterns: list[str], is_positive: bool = True) -> Matcher:
    """Whether a text is like one of the patterns, or, if not positive, like none of them."""
    exact = {_show(pattern) for pattern in patterns if "*" not in pattern and "?" not in pattern}
    wild = [_expression(pattern) for pattern in patterns if "*" in pattern or "?" in pattern]

    def matches(text: str) -> bool:
        return (text in exact or any(expression.match(text) for expression in wild)) is is_positive

    return matches


def _expression(pattern: str) -> re.Pattern[str]:
    """Anything in the place of each star, any character in that of each question mark.

    Pieces but the last are taken where they first occur, for good: no pattern can make the match try every way.
    """
    first, *rest = (".".join(re.escape(_show(literal)) for literal in piece.split("?")) for piece in pattern.split("*"))
    if not rest:
        return re.compile(rf"{first}\Z", re.DOTALL)
    inner = "".join(f"(?>.*?{piece})" for piece in rest[:-1] if piece)
    return re.compile(rf"{first}{inner}.*{rest[-1]}\Z", re.DOTALL)


def _texts(values: Scalar | list[Scalar]) -> list[str]:
    several = values if isinstance(values, list) else [values]
    return [str(value).lower() if isinstance(value, bool) else str(value) for value in several]


def _test(operator: str, key: str, values: list[str], *, allows: bool) -> Test:
    """One line of a Condition. Of several values one must fit; of a Not- operator's values none may.

    `ForAllValues` wants that of each value that the key has in the context, `ForAnyValue` of at least one. Without either,
    what allows wants it of each, and what denies of at least one.
    """
    qualifier, _, name = operator.rpartition(":")
    if operator == "Null":
        return _null_test(key, values)
    plain_name = name.removesuffix("IfExists")
    if qualifier not in {"", "ForAnyValue", "ForAllValues"} or plain_name not in _OPERATORS:
        raise ValueError(f"The condition operator {operator!r} is not supported.")
    make, is_positive = _OPERATORS[plain_name]
    fits = make(values)
    of_several = _OF_SEVERAL.get(qualifier, all if allows else any)
    passes_missing = (
        name != plain_name
        or qualifier == "ForAllValues"
        # A value that is not there differs from every other, unless some value must be there and differ.
        or (not is_positive and qualifier != "ForAnyValue")
    )

    def test(context: Context) -> bool:
        given = context.get(key)
        several = (given,) if isinstance(given, str) else given
        if not several:
            return passes_missing
        return of_several(fits(value) is is_positive for value in several)

    return test


_OF_SEVERAL: dict[str, Callable[[Iterable[bool]], bool]] = {"ForAnyValue": any, "ForAllValues": all}


def _null_test(key: str, values: list[str]) -> Test:
    wanted = _truths(values)
    return lambda context: str(context.get(key, ()) == ()).lower() in wanted


def _truths(values: list[str]) -> set[str]:
    wanted = {value.lower() for value in values}
    if not wanted <= {"true", "false"}:
        raise ValueError(f"A condition on truth takes true or false, not {sorted(wanted)}.")
    return wanted


def _same_truth(values: list[str]) -> Matcher:
    wanted = _truths(values)
    return lambda text: text.lower() in wanted


def _equals(values: list[str]) -> Matcher:
    wanted = {_show(value) for value in values}
    return lambda text: text in wanted


def _equals_in_any_case(values: list[str]) -> Matcher:
    wanted = {_show(value).lower() for value in values}
    return lambda text: text.lower() in wanted


def _like_arn(values: list[str]) -> Matcher:
    """Wildcards stay within one of an ARN's six parts."""
    arns = [[_like([part]) for part in value.split(":", 5)] for value in values]
    if any(len(arn) != 6 for arn in arns):
        raise ValueError(f"A condition on ARNs takes ARNs of six parts, not {values}.")

    def fits(text: str) -> bool:
        parts = text.split(":", 5)
        return len(parts) == 6 and any(
            all(matches(part) for matches, part in zip(arn, parts, strict=True)) for arn in arns
        )

    return fits


def _in_network(values: list[str]) -> Matcher:
    import ipaddress

    networks = [ipaddress.ip_network(value, strict=False) for value in values]

    def fits(text: str) -> bool:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in networks)

    return fits


def _compared(
    compare: Callable[[float, float], bool], read: Callable[[str], float] = float
) -> Callable[[list[str]], Matcher]:
    def make(values: list[str]) -> Matcher:
        wanted = [read(value) for value in values]

        def fits(text: str) -> bool:
            try:
                given = read(text)
            except ValueError:
                return False
            return any(compare(given, value) for value in wanted)

        return fits

    return make


def _moment(text: str) -> float:
    """Seconds since the epoch, of that number itself or of a date in ISO 8601; UTC unless it says otherwise."""
    try:
        return float(text)
    except ValueError:
        date = datetime.fromisoformat(text)
        return (date if date.tzinfo is not None else date.replace(tzinfo=UTC)).timestamp()


# What each operator compares, and whether it wants that to hold.
_OPERATORS: dict[str, tuple[Callable[[list[str]], Matcher], bool]] = {
    "StringEquals": (_equals, True),
    "StringNotEquals": (_equals, False),
    "StringEqualsIgnoreCase": (_equals_in_any_case, True),
    "StringNotEqualsIgnoreCase": (_equals_in_any_case, False),
    "StringLike": (_like, True),
    "StringNotLike": (_like, False),
    "ArnEquals": (_like_arn, True),
    "ArnLike": (_like_arn, True),
    "ArnNotEquals": (_like_arn, False),
    "ArnNotLike": (_like_arn, False),
    "IpAddress": (_in_network, True),
    "NotIpAddress": (_in_network, False),
    "Bool": (_same_truth, True),
    "NumericEquals": (_compared(float.__eq__), True),
    "NumericNotEquals": (_compared(float.__eq__), False),
    "NumericLessThan": (_compared(float.__lt__), True),
    "NumericLessThanEquals": (_compared(float.__le__), True),
    "NumericGreaterThan": (_compared(float.__gt__), True),
    "NumericGreaterThanEquals": (_compared(float.__ge__), True),
    "DateEquals": (_compared(float.__eq__, _moment), True),
    "DateNotEquals": (_compared(float.__eq__, _moment), False),
    "DateLessThan": (_compared(float.__lt__, _moment), True),
    "DateLessThanEquals": (_compared(float.__le__, _moment), True),
    "DateGreaterThan": (_compared(float.__gt__, _moment), True),
    "DateGreaterThanEquals": (_compared(float.__ge__, _moment), True),
}

"""The page of policies names every action, resource, condition key and operator that there is, and no others."""

import re

from docs.pages import page, quoted, rows, section
from penstock.auth.judge import _facts
from penstock.auth.policy import _OPERATORS
from penstock.http.s3 import call, routes
from penstock.operations.authorization import REQUEST_TAG, RESOURCE_TAG
from penstock.operations.call import Circumstances
from penstock.operations.registry import HANDLERS
from penstock.operations.resources import resources_of
from penstock.ports.identity import Principal
from penstock.wire.arn import parse

PAGE = page("docs/reference/policies.md")
ARN = re.compile(r"`((?:arn:|\*)[^`]*)`")


class Request(str):
    """A request of which every member is there, and is its own name, save for one that is left out."""

    __slots__ = ()
    left_out = ""

    def __getattr__(self, name: str) -> "Request | None":
        return None if name == self.left_out else Request(name)


class WithoutConnection(Request):
    __slots__ = ()
    left_out = "connection_arn"


def kind(resource: str) -> tuple[str, ...]:
    """What sort of resource an ARN names, and where it has a star."""
    if not resource.startswith("arn:"):
        return (resource,)
    arn = parse(resource)
    names = arn.names if arn.service == "codepipeline" else tuple(arn.resource.split("/"))
    return (arn.service, arn.kind if arn.service == "codepipeline" else names[0], *("*" in name for name in names))


def asked(operation: str) -> set[tuple[str, ...]]:
    return {
        kind(resource)
        for request in (Request(), WithoutConnection())
        for resource in resources_of(operation, request, "REGION", "ACCOUNT")
        if resource is not None
    }


def test_every_operation_stands_beside_the_resources_that_it_is_asked_for() -> None:
    said: dict[str, set[tuple[str, ...]]] = {}
    for resource, operations in rows(section(PAGE, "## Actions and resources")):
        arn = ARN.match(resource)
        member = re.sub(r"(?=[A-Z])", "_", quoted(resource)[0]).lower()
        for operation in quoted(operations):
            said.setdefault(operation, set()).add(kind(arn[1] if arn else member))
    assert said == {route.operation.name: asked(route.operation.name) for route in HANDLERS.values()}


def test_every_action_of_s3_stands_beside_its_resource() -> None:
    known: dict[str, set[str]] = {"service": set(), "bucket": set(), "object": set()}
    for (place, _, _), route in routes.ROUTES.items():
        known[place] |= {action for action in (route.action, route.of_version) if action}
    table = [set(quoted(actions)) for _, actions in rows(section(PAGE, "## Actions of S3"))]
    assert table == [known["service"], known["bucket"], known["object"]]


def test_every_condition_key_is_told() -> None:
    user = Principal("arn:aws:iam::1:user/a", "1", "user", "AKIA", id="AIDA", name="a")
    keys = {*Circumstances("127.0.0.1", is_secure=True, user_agent=b"x").conditions("us-east-1"), *_facts(user, 0.0)}
    keys |= {f"{RESOURCE_TAG}KEY", f"{REQUEST_TAG}KEY", "aws:TagKeys", *call.QUERY_CONDITIONS.values()}
    keys |= {f"s3:{name}" for name in call.HEADER_CONDITIONS}
    told = [quoted(row[0])[0] for row in rows(section(PAGE, "## Condition keys")) if ":" in row[0]]
    assert sorted(told) == sorted(keys)


def test_every_operator_is_told() -> None:
    told = [name for row in rows(section(PAGE, "## Condition keys")) if ":" not in row[0] for name in quoted(row[0])]
    assert sorted(told) == sorted({*_OPERATORS, "Null"})

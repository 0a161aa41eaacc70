"""Lists come in pages: all rows, once each, in order, and a token opens the listing it was given out for alone."""

from collections.abc import Callable

import pytest

from declarations import custom_type, stage
from operations.partner import linked_account, own_operation
from operations.principals import ask_own
from operations.scene import Scene, build, code_of
from serving import Server

ROWS = 5


def fill(scene: Scene) -> None:
    """Five pipelines, and five executions of `line0` with an action execution each."""
    scene.types()
    for number in range(ROWS):
        scene.pipeline(f"line{number}", executionMode="PARALLEL")
    for _ in range(ROWS - 1):
        scene.start("line0")


def pipelines(scene: Scene, **page: object) -> tuple[list[str], str | None]:
    answer = scene.aws.list_pipelines(**page)
    return [each["name"] for each in answer["pipelines"]], answer.get("nextToken")


def executions(scene: Scene, **page: object) -> tuple[list[str], str | None]:
    answer = scene.aws.list_pipeline_executions(pipelineName="line0", **page)
    return [each["pipelineExecutionId"] for each in answer["pipelineExecutionSummaries"]], answer.get("nextToken")


def actions(scene: Scene, **page: object) -> tuple[list[str], str | None]:
    answer = scene.aws.list_action_executions(pipelineName="line0", **page)
    return [each["actionExecutionId"] for each in answer["actionExecutionDetails"]], answer.get("nextToken")


Listing = Callable[..., tuple[list[str], str | None]]
LISTINGS: dict[str, Listing] = {"pipelines": pipelines, "executions": executions, "actions": actions}
OPERATIONS = {
    "pipelines": ("list_pipelines", {}),
    "executions": ("list_pipeline_executions", {"pipelineName": "line0"}),
    "actions": ("list_action_executions", {"pipelineName": "line0"}),
    "types": ("list_action_types", {}),
}


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("size", [1, 2, 4, 5, 6])
def test_pages_are_the_whole_list_in_order(scene: Scene, listing: str, size: int) -> None:
    fill(scene)
    page = LISTINGS[listing]
    whole, end = page(scene)
    assert (len(whole), end) == (ROWS, None)
    rows, token = page(scene, maxResults=size)
    while token is not None:
        assert len(rows) % size == 0
        more, token = page(scene, maxResults=size, nextToken=token)
        assert more
        rows += more
    assert rows == whole


def test_fifty_types_are_the_limit_and_each_is_listed_once(scene: Scene) -> None:
    scene.types(*[custom_type(f"T{number}") for number in range(48)])
    other = {**custom_type("T0"), "category": "Test"}
    assert code_of(scene.aws.create_custom_action_type, **other) == "LimitExceededException"
    seen: list[str] = []
    answer = scene.aws.list_action_types()
    while "nextToken" in answer:
        assert len(answer["actionTypes"]) == 100
        seen += [str(each["id"]) for each in answer["actionTypes"]]
        answer = scene.aws.list_action_types(nextToken=answer["nextToken"])
    seen += [str(each["id"]) for each in answer["actionTypes"]]
    assert len(seen) == len(set(seen)) >= 50 + 30


def token_of(scene: Scene, listing: str) -> str:
    fill(scene)
    token = LISTINGS[listing](scene, maxResults=2)[1]
    assert token is not None
    return token


@pytest.mark.parametrize("listing", LISTINGS)
class TestTokens:
    def test_a_changed_one_is_refused(self, scene: Scene, listing: str) -> None:
        token = token_of(scene, listing)
        operation, given = OPERATIONS[listing]
        middle = len(token) // 2
        other = "A" if token[middle] != "A" else "B"
        for wrong in (token[:middle] + other + token[middle + 1 :], token[:-4], token + "A", "nonsense"):
            assert code_of(getattr(scene.aws, operation), **given, nextToken=wrong) == "InvalidNextTokenException"

    def test_another_listings_is_refused(self, scene: Scene, listing: str) -> None:
        token = token_of(scene, listing)
        for other, (operation, given) in OPERATIONS.items():
            if other != listing:
                code = code_of(getattr(scene.aws, operation), **given, nextToken=token)
                assert code == "InvalidNextTokenException"

    def test_another_regions_is_refused(self, scene: Scene, listing: str) -> None:
        token = token_of(scene, listing)
        elsewhere = Scene(scene.server, scene.witness)
        fill(elsewhere)
        operation, given = OPERATIONS[listing]
        assert code_of(getattr(elsewhere.aws, operation), **given, nextToken=token) == "InvalidNextTokenException"

    @pytest.mark.parametrize("size", [0, -1, 100_000])
    def test_a_page_of_no_possible_size_breaks_a_constraint(self, scene: Scene, listing: str, size: int) -> None:
        fill(scene)
        operation, given = OPERATIONS[listing]
        assert code_of(getattr(scene.aws, operation), **given, maxResults=size) == "ValidationException"


def test_a_token_is_refused_for_another_pipeline_and_another_filter(scene: Scene) -> None:
    fill(scene)
    for _ in range(3):
        scene.start("line1")
    token = scene.aws.list_pipeline_executions(pipelineName="line0", maxResults=2)["nextToken"]
    call = scene.aws.list_pipeline_executions
    assert code_of(call, pipelineName="line1", nextToken=token) == "InvalidNextTokenException"
    wanted = {"succeededInStage": {"stageName": "Source"}}
    assert code_of(call, pipelineName="line0", filter=wanted, nextToken=token) == "InvalidNextTokenException"


def test_a_page_goes_on_where_the_last_one_ended_though_rows_came_and_went(scene: Scene) -> None:
    fill(scene)
    first, token = pipelines(scene, maxResults=2)
    scene.pipeline("line00")
    scene.aws.delete_pipeline(name="line2")
    rest, end = pipelines(scene, nextToken=token)
    assert (first, rest, end) == (["line0", "line1"], ["line3", "line4"], None)


def test_pages_of_one_executions_actions_hold_all_of_them(scene: Scene) -> None:
    scene.types()
    scene.pipeline("line0", stage("Build", *[build(f"A{number}") for number in range(5)]))
    scene.work("Origin")
    wanted = {"filter": {"pipelineExecutionId": scene.newest("line0")}}
    rows, token = actions(scene, maxResults=4, **wanted)
    more, end = actions(scene, nextToken=token, **wanted)
    assert (len(rows), len(more), end) == (4, 2, None)
    assert code_of(scene.aws.list_action_executions, pipelineName="line0", nextToken=token) == (
        "InvalidNextTokenException"
    )


def test_botos_own_paginators_walk_all_pages(scene: Scene) -> None:
    fill(scene)
    found = scene.aws.get_paginator("list_pipelines").paginate(PaginationConfig={"PageSize": 2})
    assert [each["name"] for page in found for each in page["pipelines"]] == [f"line{n}" for n in range(ROWS)]


LINKS = [f"P{number}" for number in range(4)]
TYPES = [*LINKS, "P4", "P5", "P6"]


@pytest.fixture(scope="module")
def linked(shared_server: Server) -> dict[str, str]:
    """The keys of an account with four links and seven types."""
    return linked_account(shared_server, "410000000001", links=LINKS, types=TYPES)


def partners(server: Server, keys: dict[str, str], **page: object) -> tuple[list[str], list[str], str | None]:
    answer = own_operation(server.url, keys, "us-east-1", "ListPartners", **page)
    links, types = ([each["provider"] for each in answer[name]] for name in ("links", "actionTypes"))
    return links, types, answer.get("nextToken")


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 10, 11, 12])
def test_pages_of_partners_have_all_links_and_then_all_types(
    shared_server: Server, linked: dict[str, str], size: int
) -> None:
    assert partners(shared_server, linked) == (LINKS, TYPES, None)
    links, types, token = partners(shared_server, linked, maxResults=size)
    while token is not None:
        assert (len(links) + len(types)) % size == 0
        *more, token = partners(shared_server, linked, maxResults=size, nextToken=token)
        assert any(more)
        links, types = links + more[0], types + more[1]
    assert (links, types) == (LINKS, TYPES)


def test_a_token_of_partners_is_good_for_its_account_and_its_listing_alone(
    shared_server: Server, linked: dict[str, str]
) -> None:
    token = partners(shared_server, linked, maxResults=2)[2]
    other = linked_account(shared_server, "410000000002", links=[], types=[])
    for keys, operation, given in (
        (linked, "ListPartners", f"{token}A"),
        (other, "ListPartners", token),
        (linked, "ListPrincipals", token),
    ):
        assert ask_own(shared_server, keys, operation, nextToken=given).code == "InvalidNextTokenException"
    for size in (0, 101):
        assert ask_own(shared_server, linked, "ListPartners", maxResults=size).code == "ValidationException"

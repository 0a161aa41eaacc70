"""The service's model is walked: every operation has its test, and every error that it declares a test or a reason."""

import ast
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import botocore.session
import pytest

from declarations import custom_source, pipeline, stage
from named_tests import ROOT, is_there
from operations.model_walk import PAGES, WALK, Never
from operations.partner import declaration, own_operation
from operations.scene import UNKNOWN_ID, Scene, build, code_of
from operations.test_registry import REQUIRED
from penstock.wire.catalog import OPERATIONS

SESSION = botocore.session.get_session()
MODEL = SESSION.get_service_model("codepipeline")
PAGINATED = {
    name for name in MODEL.operation_names if SESSION.get_paginator_model("codepipeline")._paginator_config.get(name)
}
SOURCES = ROOT / "src/penstock"
ERRORS = [(operation, error, proof) for operation, (_, errors) in WALK.items() for error, proof in errors.items()]
NEVER = [(operation, error) for operation, error, proof in ERRORS if isinstance(proof, Never)]


def test_each_operation_and_each_error_that_it_declares_is_in_the_table() -> None:
    assert set(WALK) == set(OPERATIONS) == set(MODEL.operation_names)
    assert len(WALK) == 44
    for operation, (_, errors) in WALK.items():
        declared = {shape.name for shape in MODEL.operation_model(operation).error_shapes}
        assert set(errors) == set(OPERATIONS[operation].errors) == declared, operation


def test_each_list_with_a_paginator_is_in_the_table() -> None:
    assert set(PAGES) == PAGINATED


def named() -> set[str]:
    proofs = {proof for _, _, proof in ERRORS if not isinstance(proof, Never)}
    return {*chain((happy for happy, _ in WALK.values()), PAGES.values()), *proofs}


@pytest.mark.parametrize("test", sorted(named()))
def test_the_test_that_the_table_names_is_there(test: str) -> None:
    assert is_there(test)


def test_each_reason_is_a_sentence() -> None:
    for reason in {proof for _, _, proof in ERRORS if isinstance(proof, Never)}:
        assert reason[0].isupper()
        assert reason.endswith(".")
        assert len(reason.split()) > 5


def test_an_empty_request_breaks_a_constraint_wherever_the_table_says_so() -> None:
    word = "test_an_empty_request_names_every_member_that_is_missing"
    assert {operation for operation, _, proof in ERRORS if proof.endswith(word)} <= set(REQUIRED)


def raisers(error: str) -> set[str]:
    """The functions that raise it, by file and name."""
    found = set()
    for file in chain(*((SOURCES / part).rglob("*.py") for part in ("operations", "core", "engine"))):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and raises(function, error):
                found.add(f"{file.relative_to(SOURCES).as_posix()}::{function.name}")
    return found


def raises(function: ast.AST, error: str) -> bool:
    thrown = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise) and node.exc is not None]
    return any(ast.unparse(each).partition("(")[0].rpartition(".")[2] == error for each in thrown)


def test_what_no_operation_can_answer_is_used_nowhere() -> None:
    """Apart from the wire, where all errors of the model are declared."""
    always = {error for error in chain(*(errors for _, errors in WALK.values())) if only_reasons(error)}
    assert always == {"ConcurrentModificationException"}
    for file in SOURCES.rglob("*.py"):
        if file.parent.name != "wire":
            text = file.read_text(encoding="utf-8")
            assert not any(error in text for error in always), file


def only_reasons(error: str) -> bool:
    return all(isinstance(errors[error], Never) for _, errors in WALK.values() if error in errors)


def test_what_single_operations_cannot_answer_is_raised_for_others_alone() -> None:
    assert {pair for pair in NEVER if not only_reasons(pair[1])} == {
        ("ListRuleTypes", "InvalidNextTokenException"),
        ("OverrideStageCondition", "ConflictException"),
        ("RollbackStage", "ConflictException"),
        ("StopPipelineExecution", "ConflictException"),
        ("UpdatePipeline", "LimitExceededException"),
    }
    assert raisers("ConflictException") == {
        "operations/backups.py::create_backup",
        "operations/backups.py::describe_backup",
        "operations/executions.py::start_pipeline_execution",
    }
    assert raisers("StageIsBusy") == {"core/transitions/retry.py::_check_run"}
    limited = ("pipelines.py::_add", "action_types.py::_add")
    assert {f"operations/{each}" for each in limited} < raisers("LimitExceededException")
    assert not any(each.startswith("core/") or "update" in each for each in raisers("LimitExceededException"))
    assert "nextToken" not in MODEL.operation_model("ListRuleTypes").input_shape.members


def test_an_execution_of_no_pipeline_is_not_found(scene: Scene) -> None:
    known = {"pipelineName": "nobody", "pipelineExecutionId": UNKNOWN_ID}
    assert code_of(scene.aws.get_pipeline_execution, **known) == "PipelineNotFoundException"


def test_a_thousand_pipelines_are_the_limit(scene: Scene) -> None:
    scene.types()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: scene.pipeline(f"line{number}"), range(1000)))
    one_more = pipeline("one-more", stage("Source", custom_source()), stage("Build", build("Make")))
    assert code_of(scene.aws.create_pipeline, pipeline=one_more) == "LimitExceededException"
    scene.aws.delete_pipeline(name="line0")
    scene.aws.create_pipeline(pipeline=one_more)


def gated(scene: Scene) -> str:
    """An execution of a queued pipeline that three rules keep out of the stage Ship."""
    identity = {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"}
    never = {"Variable": "#{pulled.Mood}", "Value": "good", "Operator": "EQ"}
    rules = [{"name": f"R{number}", "ruleTypeId": identity, "configuration": never} for number in range(3)]
    gate = {"conditions": [{"result": "FAIL", "rules": rules}]}
    scene.types()
    source = stage("Source", custom_source(namespace="pulled"))
    ship = {**stage("Ship", build("Send")), "beforeEntry": gate}
    scene.aws.create_pipeline(pipeline=pipeline("line", source, ship, pipelineType="V2", executionMode="QUEUED"))
    scene.work("Origin", outputVariables={"Mood": "bad"})
    return scene.newest()


def test_an_override_counts_against_the_limit_of_executions(scene: Scene) -> None:
    known = {"stageName": "Ship", "pipelineExecutionId": gated(scene), "conditionType": "BEFORE_ENTRY"}
    for _ in range(50):
        scene.start()
    refused = code_of(scene.aws.override_stage_condition, pipelineName="line", **known)
    assert refused == "ConcurrentPipelineExecutionsLimitExceededException"
    scene.aws.stop_pipeline_execution(pipelineName="line", pipelineExecutionId=scene.newest(), abandon=True)
    scene.aws.override_stage_condition(pipelineName="line", **known)


def test_pages_of_rule_executions_are_the_whole_list_in_order(scene: Scene) -> None:
    gated(scene)
    whole = scene.aws.list_rule_executions(pipelineName="line")["ruleExecutionDetails"]
    assert len({each["ruleExecutionId"] for each in whole}) == 3
    for size in (1, 2, 3):
        paginator = scene.aws.get_paginator("list_rule_executions")
        pages = list(paginator.paginate(pipelineName="line", PaginationConfig={"PageSize": size}))
        assert [each for page in pages for each in page["ruleExecutionDetails"]] == whole
        assert len(pages) == -(-3 // size)


def test_a_page_of_rule_executions_of_no_possible_size_breaks_a_constraint(scene: Scene) -> None:
    scene.line()
    for size in (0, 101):
        code = code_of(scene.aws.list_rule_executions, pipelineName="line", maxResults=size)
        assert code == "ValidationException"


def test_all_pages_of_the_types_hold_each_once(scene: Scene) -> None:
    server = scene.server
    for number in range(100):
        declared = declaration(f"Q{number}")
        own_operation(server.url, server.root_keys, scene.region, "RegisterPartnerActionType", actionType=declared)
    pages = list(scene.aws.get_paginator("list_action_types").paginate())
    seen = [str(each["id"]) for page in pages for each in page["actionTypes"]]
    assert len(pages) > 1
    assert len(seen) == len(set(seen)) > 100
    assert sum("'provider': 'Q" in each for each in seen) >= 100


def test_a_list_that_fits_in_one_page_is_walked_in_one(scene: Scene) -> None:
    scene.line()
    tags = [{"key": f"k{number}", "value": "x"} for number in range(50)]
    arn = scene.aws.get_pipeline(name="line")["metadata"]["pipelineArn"]
    scene.aws.tag_resource(resourceArn=arn, tags=tags)
    (answer,) = scene.aws.get_paginator("list_tags_for_resource").paginate(resourceArn=arn)
    assert len(answer["tags"]) == 50
    run = scene.actions()[0]["actionExecutionId"]
    (answer,) = scene.aws.get_paginator("list_deploy_action_execution_targets").paginate(actionExecutionId=run)
    assert answer["targets"] == []

"""Secret configuration values: sealed at rest, masked in every answer, and in clear for the worker alone."""

import pytest

from declarations import action, custom_source, custom_type, pipeline, stage
from disk import places_of
from operations.partner import Partner
from operations.scene import Scene, code_of, message_of

MASK = "****"


def secretive() -> dict:
    """A type with a secret and a plain property."""
    properties = [
        {"name": "Password", "required": True, "key": False, "secret": True},
        {"name": "Colour", "required": False, "key": False, "secret": False},
    ]
    return {**custom_type("Publisher", category="Deploy"), "configurationProperties": properties}


def declared(secret: str, stage_name: str = "Deploy", action_name: str = "Publish") -> dict:
    publish = action(action_name, "Deploy", "Custom", "Publisher", {"Password": secret, "Colour": "red"})
    return pipeline("line", stage("Source", custom_source()), stage(stage_name, publish))


@pytest.fixture
def secret(scene: Scene) -> str:
    """A pipeline with this secret has been created and its Deploy stage has begun."""
    planted = f"hunter2-{scene.region}-Zq9"
    scene.types(secretive())
    scene.aws.create_pipeline(pipeline=declared(planted))
    scene.work("Origin")
    return planted


def password(answer: dict) -> str:
    return answer["pipeline"]["stages"][1]["actions"][0]["configuration"]["Password"]


def test_every_answer_but_the_workers_is_masked(scene: Scene, secret: str) -> None:
    answers = [
        scene.aws.get_pipeline(name="line"),
        scene.aws.get_pipeline_state(name="line"),
        scene.aws.list_action_executions(pipelineName="line"),
        scene.aws.update_pipeline(pipeline=declared(secret)),
        scene.aws.create_pipeline(pipeline={**declared(secret), "name": "other"}),
        scene.aws.list_pipelines(),
        scene.aws.list_pipeline_executions(pipelineName="line"),
        scene.aws.list_action_types(),
    ]
    assert not [answer for answer in answers if secret in str(answer)]
    assert {password(answer) for answer in answers if "pipeline" in answer} == {MASK}
    shown = scene.actions()[0]["input"]
    assert shown["configuration"] == shown["resolvedConfiguration"] == {"Password": MASK, "Colour": "red"}


def test_the_worker_is_told_it_by_the_poll_and_by_the_details(scene: Scene, secret: str) -> None:
    job = scene.take("Publisher")
    details = scene.aws.get_job_details(jobId=job["id"])["jobDetails"]
    for told in (job["data"], details["data"]):
        assert told["actionConfiguration"]["configuration"] == {"Password": secret, "Colour": "red"}


def test_the_details_of_a_partners_job_tell_it(scene: Scene) -> None:
    partner = Partner(scene)
    scene.types()
    planted = f"open-sesame-{scene.region}"
    scene.pipeline("line", stage("Check", partner.action(configuration={"Password": planted, "Mode": "slow"})))
    scene.work("Origin")
    (job,) = partner.poll()
    data = partner.details(job["jobId"])["data"]
    assert data["actionConfiguration"]["configuration"] == {"Password": planted, "Mode": "slow"}
    assert password({"pipeline": scene.aws.get_pipeline(name="line")["pipeline"]}) == MASK
    assert planted not in str(scene.aws.list_action_executions(pipelineName="line"))
    assert not places_of(scene.server, planted)


def test_the_files_of_the_server_do_not_hold_it(scene: Scene, secret: str) -> None:
    scene.take("Publisher")
    scene.aws.update_pipeline(pipeline=declared(MASK))
    assert places_of(scene.server, "artifact-bucket"), "the search itself must find what is there in clear"
    assert not places_of(scene.server, secret)


def test_the_files_hold_no_client_token_and_no_principals_secret(scene: Scene) -> None:
    from operations.partner import user_keys

    partner = Partner(scene)
    keys = user_keys(scene.server, f"user-{scene.region}", ["codepipeline:*"])
    assert not places_of(scene.server, partner.token)
    assert not places_of(scene.server, keys["aws_secret_access_key"])


class TestTheMaskOnUpdate:
    def told(self, scene: Scene) -> str:
        scene.start()
        scene.work("Origin")
        return scene.wait_for_job("Publisher")["data"]["actionConfiguration"]["configuration"]["Password"]

    def test_it_keeps_what_is_stored(self, scene: Scene, secret: str) -> None:
        scene.work("Publisher")
        scene.aws.update_pipeline(pipeline=scene.aws.get_pipeline(name="line")["pipeline"])
        assert self.told(scene) == secret

    def test_a_new_value_takes_its_place(self, scene: Scene, secret: str) -> None:
        scene.work("Publisher")
        scene.aws.update_pipeline(pipeline=declared("changed"))
        assert self.told(scene) == "changed"

    def test_the_old_version_keeps_the_old_value_for_its_own_executions(self, scene: Scene, secret: str) -> None:
        scene.aws.update_pipeline(pipeline=declared("changed"))
        (job,) = scene.poll("Publisher")
        assert job["data"]["actionConfiguration"]["configuration"]["Password"] == secret

    @pytest.mark.parametrize("renamed", [{"stage_name": "Ship"}, {"action_name": "Push"}])
    def test_in_another_place_it_stands_for_nothing(self, scene: Scene, secret: str, renamed: dict) -> None:
        call = scene.aws.update_pipeline
        assert code_of(call, pipeline=declared(MASK, **renamed)) == "InvalidActionDeclarationException"
        assert "may be used in secret properties only when updating an existing action" in message_of(
            call, pipeline=declared(MASK, **renamed)
        )
        assert scene.aws.get_pipeline(name="line")["pipeline"]["version"] == 1

    def test_on_create_it_stands_for_nothing(self, scene: Scene, secret: str) -> None:
        other = {**declared(MASK), "name": "other"}
        assert code_of(scene.aws.create_pipeline, pipeline=other) == "InvalidActionDeclarationException"


def test_variables_in_a_secret_are_left_as_they_are(scene: Scene) -> None:
    scene.types(secretive())
    scene.aws.create_pipeline(pipeline=declared("#{codepipeline.PipelineExecutionId}"))
    scene.work("Origin")
    (job,) = scene.poll("Publisher")
    assert job["data"]["actionConfiguration"]["configuration"]["Password"] == "#{codepipeline.PipelineExecutionId}"

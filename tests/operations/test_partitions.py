"""Two regions, and two accounts, see nothing of each other."""

import pytest

from declarations import action, stage
from operations.partner import Partner, user_keys
from operations.scene import Scene, code_of

OTHER = "210987654321"


@pytest.fixture(params=["region", "account"])
def stranger(scene: Scene, request: pytest.FixtureRequest) -> Scene:
    """Another region of the same account, or the same region of another account, with the same names in it."""
    if request.param == "region":
        return Scene(scene.server, scene.witness)
    keys = user_keys(scene.server, f"all-{scene.region}", ["codepipeline:*"], OTHER)
    return Scene(scene.server, scene.witness, keys, scene.region)


def test_the_same_names_are_different_things(scene: Scene, stranger: Scene) -> None:
    scene.line()
    stranger.line()
    scene.work()
    assert (scene.statuses(), stranger.statuses()) == (["Succeeded"], ["InProgress"])
    stranger.aws.delete_pipeline(name="line")
    stranger.aws.delete_custom_action_type(category="Build", provider="Builder", version="1")
    assert scene.aws.get_pipeline(name="line")["pipeline"]["version"] == 1
    assert scene.poll() == []


def test_nothing_of_the_other_is_listed_found_or_polled(scene: Scene, stranger: Scene) -> None:
    scene.line()
    assert stranger.aws.list_pipelines()["pipelines"] == []
    assert stranger.aws.list_action_types(actionOwnerFilter="Custom")["actionTypes"] == []
    assert code_of(stranger.aws.get_pipeline, name="line") == "PipelineNotFoundException"
    assert code_of(stranger.aws.get_pipeline_state, name="line") == "PipelineNotFoundException"
    assert code_of(stranger.poll) == "ActionTypeNotFoundException"
    arn = f"arn:aws:codepipeline:{scene.region}:123456789012:line"
    assert code_of(stranger.aws.list_tags_for_resource, resourceArn=arn) == "ResourceNotFoundException"


def test_the_other_cannot_touch_the_jobs(scene: Scene, stranger: Scene) -> None:
    scene.line()
    stranger.types()
    (job,) = scene.poll()
    if stranger.region == scene.region:
        known = {"jobId": job["id"]}
        failure = {"type": "JobFailed", "message": "mine"}
        assert code_of(stranger.aws.acknowledge_job, **known, nonce=job["nonce"]) == "JobNotFoundException"
        assert code_of(stranger.aws.get_job_details, **known) == "JobNotFoundException"
        assert code_of(stranger.aws.put_job_success_result, **known) == "JobNotFoundException"
        assert code_of(stranger.aws.put_job_failure_result, **known, failureDetails=failure) == "JobNotFoundException"
    assert stranger.poll() == []
    assert scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"


def test_the_same_buckets_name_is_another_bucket_in_another_account(scene: Scene) -> None:
    keys = user_keys(scene.server, f"s3-{scene.region}", ["s3:*"], OTHER)
    mine, theirs = scene.server.client("s3"), scene.server.client("s3", keys)
    name = f"both-{scene.region}"
    mine.create_bucket(Bucket=name)
    theirs.create_bucket(Bucket=name)
    mine.put_object(Bucket=name, Key="k", Body=b"mine")
    assert theirs.list_objects_v2(Bucket=name)["KeyCount"] == 0


def test_a_principal_may_do_what_its_policy_says_and_nothing_else(scene: Scene) -> None:
    scene.types()
    scene.pipeline()
    reader = scene.client(user_keys(scene.server, f"reader-{scene.region}", ["codepipeline:Get*"]))
    assert reader.get_pipeline(name="line")["pipeline"]["name"] == "line"
    for call, given in (
        (reader.list_pipelines, {}),
        (reader.start_pipeline_execution, {"name": "line"}),
        (reader.delete_pipeline, {"name": "line"}),
    ):
        assert code_of(call, **given) == "AccessDeniedException"
    assert len(scene.executions()) == 1


def test_a_partner_works_for_many_accounts(scene: Scene) -> None:
    partner = Partner(scene)
    scene.types()
    keys = user_keys(scene.server, f"both-{scene.region}", ["codepipeline:*", "penstock:*"], OTHER)
    other = Scene(scene.server, scene.witness, keys, scene.region)
    other.types()
    from operations.partner import own_operation

    link = own_operation(scene.server.url, keys, scene.region, "LinkPartner", provider=partner.provider, version="1")
    for each in (scene, other):
        each.pipeline("line", stage("Check", action("Check", "Test", "ThirdParty", partner.provider)))
        each.work("Origin")
    jobs = {job["clientId"]: job["jobId"] for job in partner.poll(jobs_max=5)}
    assert set(jobs) == {partner.client_id, link["clientId"]}
    mine = partner.token
    for client_id, token in ((partner.client_id, mine), (link["clientId"], link["clientToken"])):
        partner.token = token
        partner.acknowledge(jobs[client_id], partner.details(jobs[client_id])["nonce"])
        partner.succeed(jobs[client_id])
    assert scene.statuses() == other.statuses() == ["Succeeded"]

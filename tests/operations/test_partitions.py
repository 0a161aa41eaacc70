"""Two regions, and two accounts, see nothing of each other."""

import json

import pytest

from declarations import action, stage
from git_hosts import deliver, github_push
from operations.hooks import connect, connection_arn, definition, git_line, git_source, webhook
from operations.partner import Partner, user_keys
from operations.principals import ask_own, refusal
from operations.raw import Answer, Wire
from operations.scene import Scene, approval, code_of

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


def arn(scene: Scene, resource: str) -> str:
    return f"arn:aws:codepipeline:{scene.region}:123456789012:{resource}"


def test_tags_are_out_of_reach_by_their_arns(scene: Scene, stranger: Scene) -> None:
    for each in (scene, stranger):
        each.line()
        each.aws.put_webhook(webhook=definition())
    blue = [{"key": "Team", "value": "blue"}]
    for resource in ("line", "webhook:hook", "actiontype:Custom/Build/Builder/1"):
        ours = arn(scene, resource)
        scene.aws.tag_resource(resourceArn=ours, tags=blue)
        for call, given in (
            (stranger.aws.list_tags_for_resource, {}),
            (stranger.aws.tag_resource, {"tags": [{"key": "Team", "value": "red"}]}),
            (stranger.aws.untag_resource, {"tagKeys": ["Team"]}),
        ):
            assert code_of(call, resourceArn=ours, **given) == "ResourceNotFoundException"
        assert scene.aws.list_tags_for_resource(resourceArn=ours)["tags"] == blue


def test_executions_and_actions_are_out_of_reach_by_their_ids(scene: Scene, stranger: Scene) -> None:
    for each in (scene, stranger):
        each.line()
    execution_id, action_id = scene.newest(), scene.actions()[0]["actionExecutionId"]
    named = {"pipelineName": "line", "pipelineExecutionId": execution_id}
    retried = {**named, "stageName": "Build", "retryMode": "FAILED_ACTIONS"}
    target = {"pipelineName": "line", "stageName": "Build", "targetPipelineExecutionId": execution_id}
    for call, given, code in (
        (stranger.aws.get_pipeline_execution, named, "PipelineExecutionNotFoundException"),
        (stranger.aws.stop_pipeline_execution, named, "PipelineExecutionNotStoppableException"),
        (stranger.aws.retry_stage_execution, retried, "NotLatestPipelineExecutionException"),
        (stranger.aws.rollback_stage, target, "PipelineExecutionNotFoundException"),
        (
            stranger.aws.list_action_executions,
            {"pipelineName": "line", "filter": {"pipelineExecutionId": execution_id}},
            "PipelineExecutionNotFoundException",
        ),
        (
            stranger.aws.list_deploy_action_execution_targets,
            {"actionExecutionId": action_id},
            "ActionExecutionNotFoundException",
        ),
    ):
        assert code_of(call, **given) == code
    assert scene.statuses() == ["InProgress"]


def test_an_approval_is_out_of_reach_by_its_token(scene: Scene, stranger: Scene) -> None:
    for each in (scene, stranger):
        each.line("line", stage("Gate", approval()))
    ours, theirs = (each.action("Gate", "Ask")["token"] for each in (scene, stranger))
    assert ours != theirs
    answer = {"pipelineName": "line", "stageName": "Gate", "actionName": "Ask", "token": ours}
    approved = {"status": "Approved", "summary": ""}
    assert code_of(stranger.aws.put_approval_result, **answer, result=approved) == "InvalidApprovalTokenException"
    assert scene.statuses() == stranger.statuses() == ["InProgress"]


def test_page_tokens_open_nothing_elsewhere(scene: Scene, stranger: Scene) -> None:
    for each in (scene, stranger):
        each.line("a")
        each.pipeline("b")
        for name in ("one", "two"):
            each.aws.put_webhook(webhook=definition(name, targetPipeline="a"))
    for listing, page, token in (
        ("list_pipelines", {"maxResults": 1}, "nextToken"),
        ("list_webhooks", {"MaxResults": 1}, "NextToken"),
    ):
        ours = getattr(scene.aws, listing)(**page)[token]
        assert code_of(getattr(stranger.aws, listing), **{token: ours}) == "InvalidNextTokenException"


def test_webhooks_are_different_things(scene: Scene, stranger: Scene) -> None:
    for each in (scene, stranger):
        each.line()
    scene.aws.put_webhook(webhook=definition())
    assert stranger.aws.list_webhooks()["webhooks"] == []
    call = stranger.aws.deregister_webhook_with_third_party
    assert code_of(call, webhookName="hook") == "WebhookNotFoundException"
    theirs = stranger.aws.put_webhook(webhook=definition())["webhook"]
    assert theirs["url"] != webhook(scene)["url"]
    stranger.aws.delete_webhook(name="hook")
    assert webhook(scene)["definition"]["name"] == "hook"


@pytest.fixture
def neighbour(scene: Scene) -> Scene:
    """The same region of another account."""
    keys = user_keys(scene.server, f"next-{scene.region}", ["*"], OTHER)
    return Scene(scene.server, scene.witness, keys, scene.region)


def test_an_account_cannot_see_what_anothers_actions_have_logged(scene: Scene) -> None:
    scene.line()
    job = scene.take()
    run = scene.actions()[0]["actionExecutionId"]
    keys = user_keys(scene.server, f"log-{scene.region}", ["*"], OTHER)
    ours, theirs = Wire(scene.server, scene.region, None), Wire(scene.server, scene.region, keys)
    elsewhere = Wire(scene.server, "us-east-1", None)
    logged = {"jobId": job["id"], "text": "ours"}
    for stranger in (theirs, elsewhere):
        assert own_of(stranger, "PutJobLog", **logged).code == "JobNotFoundException"
    assert own_of(ours, "PutJobLog", **logged).status == 200
    assert b"ours" in own_of(ours, "GetActionLog", actionExecutionId=run).body
    assert own_of(theirs, "GetActionLog", actionExecutionId=run).body == b'{"pieces":[]}'


def own_of(wire: Wire, operation: str, **parameters: object) -> Answer:
    return wire.ask(body=json.dumps(parameters).encode(), X_Amz_Target=f"Penstock.{operation}")


def test_a_connection_of_one_account_starts_nothing_of_another(scene: Scene, neighbour: Scene) -> None:
    for each in (scene, neighbour):
        each.types()
        git_line(each, "app", git_source(scene))
    url, secret = connect(scene)
    assert deliver("GitHub", url, secret, "push", github_push("owner/app", "main"))[0] == 200
    assert (len(scene.executions("app")), len(neighbour.executions("app"))) == (2, 1)
    keys = user_keys(scene.server, f"git-{scene.region}", ["*"], OTHER)
    named = {"connectionArn": connection_arn(scene)}
    assert ask_own(scene.server, keys, "ListWebhookDeliveries", **named).code == "ResourceNotFoundException"
    made = ask_own(scene.server, keys, "ConnectRepository", **named, provider="GitHub")
    assert made.status == 200
    assert url.encode() not in made.body
    # The namesake has a secret of its own, and leaves ours as it was.
    assert deliver("GitHub", url, secret, "push", github_push("owner/app", "main"))[0] == 200


def test_a_partners_token_opens_its_own_clients_jobs_alone(scene: Scene) -> None:
    partner = Partner(scene)
    link = ask_own(
        scene.server,
        user_keys(scene.server, f"link-{scene.region}", ["*"], OTHER),
        "LinkPartner",
        provider=partner.provider,
        version="1",
    )
    foreign = json.loads(link.body)["clientToken"]
    scene.types()
    scene.pipeline("line", stage("Check", partner.action()))
    scene.work("Origin")
    (job,) = partner.poll()
    given = {"jobId": job["jobId"], "clientToken": foreign}
    assert code_of(scene.aws.get_third_party_job_details, **given) == "InvalidClientTokenException"
    assert code_of(scene.aws.put_third_party_job_success_result, **given) == "InvalidClientTokenException"


def test_objects_and_uploads_of_another_account_are_not_there(scene: Scene) -> None:
    keys = user_keys(scene.server, f"obj-{scene.region}", ["s3:*"], OTHER)
    mine, theirs = scene.server.client("s3"), scene.server.client("s3", keys)
    bucket = f"ours-{scene.region}"
    mine.create_bucket(Bucket=bucket)
    mine.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = mine.put_object(Bucket=bucket, Key="k", Body=b"mine")["VersionId"]
    upload = mine.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert bucket not in [each["Name"] for each in theirs.list_buckets()["Buckets"]]
    for operation, given in (
        ("get_object", {"Key": "k"}),
        ("get_object", {"Key": "k", "VersionId": version}),
        ("put_object", {"Key": "k", "Body": b"theirs"}),
        ("delete_object", {"Key": "k", "VersionId": version}),
        ("list_objects_v2", {}),
        ("list_parts", {"Key": "k", "UploadId": upload}),
        ("upload_part", {"Key": "k", "UploadId": upload, "PartNumber": 1, "Body": b"x"}),
        ("abort_multipart_upload", {"Key": "k", "UploadId": upload}),
        ("delete_bucket", {}),
    ):
        assert refusal(getattr(theirs, operation), Bucket=bucket, **given)[0] == "NoSuchBucket", operation
    theirs.create_bucket(Bucket=bucket)
    for operation, given, code in (
        ("get_object", {"Key": "k", "VersionId": version}, "NoSuchVersion"),
        ("list_parts", {"Key": "k", "UploadId": upload}, "NoSuchUpload"),
        ("copy_object", {"Key": "c", "CopySource": {"Bucket": bucket, "Key": "k"}}, "NoSuchKey"),
    ):
        assert refusal(getattr(theirs, operation), Bucket=bucket, **given)[0] == code, operation
    assert mine.get_object(Bucket=bucket, Key="k")["Body"].read() == b"mine"


def test_the_other_cannot_touch_the_jobs(scene: Scene, stranger: Scene) -> None:
    scene.line()
    stranger.types()
    (job,) = scene.poll()
    known = {"jobId": job["id"]}
    failure = {"type": "JobFailed", "message": "mine"}
    assert code_of(stranger.aws.acknowledge_job, **known, nonce=job["nonce"]) == "JobNotFoundException"
    assert scene.aws.acknowledge_job(jobId=job["id"], nonce=job["nonce"])["status"] == "InProgress"
    assert code_of(stranger.aws.get_job_details, **known) == "JobNotFoundException"
    assert code_of(stranger.aws.put_job_success_result, **known) == "JobNotFoundException"
    assert code_of(stranger.aws.put_job_failure_result, **known, failureDetails=failure) == "JobNotFoundException"
    assert stranger.poll() == []
    scene.aws.put_job_success_result(jobId=job["id"])


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

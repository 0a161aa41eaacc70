"""PutWebhook, ListWebhooks, DeleteWebhook, and what is delivered to a webhook: through a real server."""

import json
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from declarations import action, pipeline, stage
from disk import places_of
from git_hosts import send, signature
from operations.faithful import Witness
from operations.hooks import ACCOUNT, SECRET, definition, deliveries, own, push, put, signed, webhook
from operations.partner import own_operation, user_keys
from operations.scene import Scene, build, code_of, message_of
from serving import serving

ADDRESS = {"AllowedIPRange": "127.0.0.0/8"}


@pytest.fixture
def line(scene: Scene) -> Scene:
    """The pipeline `line`, its first execution done, so that a delivery is what starts the next."""
    scene.types()
    scene.pipeline(executionMode="PARALLEL")
    return scene


def started_by_webhooks(scene: Scene) -> list[str]:
    return [
        each["pipelineExecutionId"] for each in scene.executions() if each["trigger"].get("triggerType") == "Webhook"
    ]


class TestPutting:
    def test_the_answer_has_an_address_an_arn_and_no_secret(self, line: Scene) -> None:
        made = put(line)
        assert made["arn"] == f"arn:aws:codepipeline:{line.region}:{ACCOUNT}:webhook:hook"
        assert made["url"].startswith(f"{line.server.url}/_penstock/webhooks/")
        assert len(made["url"].rpartition("/")[2]) >= 32
        assert made["definition"] == {**definition(), "authenticationConfiguration": {"SecretToken": "****"}}
        assert webhook(line) == made

    def test_an_update_keeps_address_state_and_log(self, line: Scene) -> None:
        made = put(line)
        push(made["url"])
        again = put(line, filters=[{"jsonPath": "$.ref", "matchEquals": "refs/heads/dev"}])
        assert again["url"] == made["url"]
        assert again["lastTriggered"] == webhook(line)["lastTriggered"]
        assert push(made["url"])[1]["result"] == "ignored"
        assert len(deliveries(line)) == 2

    def test_one_made_again_has_another_address_and_no_past(self, line: Scene) -> None:
        made = put(line)
        push(made["url"])
        line.aws.delete_webhook(name="hook")
        again = put(line)
        assert again["url"] != made["url"]
        assert "lastTriggered" not in again
        assert push(made["url"]) == (404, {"message": "Not found"})
        assert deliveries(line) == []

    def test_a_masked_secret_in_an_update_keeps_the_one_that_is_there(self, line: Scene) -> None:
        url = put(line)["url"]
        put(line, authenticationConfiguration={"SecretToken": "****"})
        assert push(url)[1]["result"] == "started"
        put(line, authenticationConfiguration={"SecretToken": "another"})
        assert push(url)[0] == 403
        assert push(url, secret="another")[1]["result"] == "started"

    def test_a_mask_is_no_secret_of_a_new_one(self, line: Scene) -> None:
        masked = definition(authenticationConfiguration={"SecretToken": "****"})
        assert code_of(line.aws.put_webhook, webhook=masked) == "InvalidWebhookAuthenticationParametersException"

    @pytest.mark.parametrize(
        ("kind", "configuration", "wanted"),
        [
            ("GITHUB_HMAC", {}, "SecretToken"),
            ("GITHUB_HMAC", ADDRESS, "SecretToken"),
            ("GITHUB_HMAC", {"SecretToken": "s", **ADDRESS}, "SecretToken"),
            ("IP", {}, "AllowedIPRange"),
            ("IP", {"SecretToken": "s"}, "AllowedIPRange"),
        ],
    )
    def test_each_authentication_takes_its_own_parameter_and_no_other(
        self, line: Scene, kind: str, configuration: dict[str, str], wanted: str
    ) -> None:
        given = definition(authentication=kind, authenticationConfiguration=configuration)
        assert code_of(line.aws.put_webhook, webhook=given) == "InvalidWebhookAuthenticationParametersException"
        said = f"Optional['authenticationConfig' should contain only one property: '{wanted}']"
        assert message_of(line.aws.put_webhook, webhook=given) == said

    @pytest.mark.parametrize(
        ("kind", "configuration"),
        [
            ("UNAUTHENTICATED", {"SecretToken": "s"}),
            ("UNAUTHENTICATED", ADDRESS),
            ("IP", {"AllowedIPRange": "everybody"}),
            ("IP", {"AllowedIPRange": "10.0.0.0/99"}),
        ],
    )
    def test_what_could_never_be_checked_is_refused(
        self, line: Scene, kind: str, configuration: dict[str, str]
    ) -> None:
        given = definition(authentication=kind, authenticationConfiguration=configuration)
        assert code_of(line.aws.put_webhook, webhook=given) == "InvalidWebhookAuthenticationParametersException"
        assert line.aws.list_webhooks()["webhooks"] == []

    @pytest.mark.parametrize("path", ["$[", "$.a[?(@.b =~ /x/)]", "not a path"])
    def test_a_path_that_cannot_be_read_is_refused(self, line: Scene, path: str) -> None:
        given = definition(filters=[{"jsonPath": path}])
        assert code_of(line.aws.put_webhook, webhook=given) == "InvalidWebhookFilterPatternException"
        assert path in message_of(line.aws.put_webhook, webhook=given)

    def test_there_are_five_filters_at_the_most(self, line: Scene) -> None:
        put(line, filters=[{"jsonPath": "$.ref"}] * 5)
        message = message_of(line.aws.put_webhook, webhook=definition(filters=[{"jsonPath": "$.ref"}] * 6))
        assert "Member must have length less than or equal to 5" in message

    def test_the_target_must_be_there(self, line: Scene) -> None:
        assert code_of(line.aws.put_webhook, webhook=definition(targetPipeline="no")) == "PipelineNotFoundException"
        for name in ("no", "Make"):
            assert code_of(line.aws.put_webhook, webhook=definition(targetAction=name)) == "ValidationException"

    def test_tags_come_with_it_and_stay_unless_given_anew(self, line: Scene) -> None:
        tags = [{"key": "team", "value": "blue"}]
        made = line.aws.put_webhook(webhook=definition(), tags=tags)["webhook"]
        assert made["tags"] == tags
        assert line.aws.list_tags_for_resource(resourceArn=made["arn"])["tags"] == tags
        assert put(line)["tags"] == tags
        line.aws.tag_resource(resourceArn=made["arn"], tags=[{"key": "cost", "value": "1"}])
        line.aws.untag_resource(resourceArn=made["arn"], tagKeys=["team"])
        assert webhook(line)["tags"] == [{"key": "cost", "value": "1"}]
        line.aws.delete_webhook(name="hook")
        assert code_of(line.aws.list_tags_for_resource, resourceArn=made["arn"]) == "ResourceNotFoundException"
        assert put(line)["tags"] == []

    def test_bad_tags_are_refused(self, line: Scene) -> None:
        wrong = [{"key": "aws:x", "value": "y"}]
        assert code_of(line.aws.put_webhook, webhook=definition(), tags=wrong) == "InvalidTagsException"
        many = [{"key": f"k{number}", "value": "x"} for number in range(51)]
        assert code_of(line.aws.put_webhook, webhook=definition(), tags=many) == "TooManyTagsException"

    def test_three_hundred_are_the_limit(self, line: Scene) -> None:
        for number in range(300):
            put(line, f"hook{number:03}")
        assert code_of(line.aws.put_webhook, webhook=definition("one-more")) == "LimitExceededException"
        put(line, "hook007", filters=[])
        line.aws.delete_webhook(name="hook000")
        put(line, "one-more")

    def test_secrets_lie_sealed_on_disk(self, line: Scene) -> None:
        url = put(line, authenticationConfiguration={"SecretToken": "very-secret-words"})["url"]
        assert not places_of(line.server, "very-secret-words")
        assert not places_of(line.server, url.rpartition("/")[2])


class TestListing:
    def test_pages_are_the_whole_list_in_the_order_of_names(self, line: Scene) -> None:
        for name in ("c", "a", "e", "b", "d"):
            put(line, name)
        first = line.aws.list_webhooks(MaxResults=2)
        second = line.aws.list_webhooks(MaxResults=2, NextToken=first["NextToken"])
        third = line.aws.list_webhooks(MaxResults=2, NextToken=second["NextToken"])
        names = [each["definition"]["name"] for page in (first, second, third) for each in page["webhooks"]]
        assert (names, "NextToken" in third) == (["a", "b", "c", "d", "e"], False)
        found = line.aws.get_paginator("list_webhooks").paginate(PaginationConfig={"PageSize": 2})
        assert sum(len(page["webhooks"]) for page in found) == 5

    def test_a_changed_or_foreign_token_is_refused(self, line: Scene) -> None:
        for name in ("a", "b"):
            put(line, name)
        token = line.aws.list_webhooks(MaxResults=1)["NextToken"]
        for wrong in (token[:-2], "x" * 20):
            assert code_of(line.aws.list_webhooks, NextToken=wrong) == "InvalidNextTokenException"
        elsewhere = Scene(line.server, line.witness)
        assert code_of(elsewhere.aws.list_webhooks, NextToken=token) == "InvalidNextTokenException"
        assert code_of(line.aws.list_webhooks, MaxResults=0) == "ValidationException"

    def test_each_region_has_its_own(self, line: Scene) -> None:
        put(line)
        assert Scene(line.server, line.witness).aws.list_webhooks()["webhooks"] == []

    def test_deleting_what_is_not_there_is_no_error(self, scene: Scene) -> None:
        scene.aws.delete_webhook(name="never-there")

    def test_deleting_the_pipeline_leaves_the_webhook(self, line: Scene) -> None:
        url = put(line)["url"]
        line.aws.delete_pipeline(name="line")
        assert webhook(line)["url"] == url
        assert push(url) == (200, {"result": "failed", "reason": "The target pipeline 'line' does not exist"})
        shown = webhook(line)
        assert (shown["errorCode"], "lastTriggered" in shown) == ("PipelineNotFoundException", False)


class TestStarting:
    def test_a_match_starts_an_execution_that_says_what_started_it(self, line: Scene) -> None:
        made = put(line)
        status, told = push(made["url"], X_GitHub_Delivery="d-1", X_GitHub_Event="push")
        assert (status, told["result"]) == (200, "started")
        shown = line.executions()[0]
        assert shown["pipelineExecutionId"] == told["executionId"]
        assert shown["trigger"] == {"triggerType": "Webhook", "triggerDetail": made["arn"]}
        (logged,) = deliveries(line)
        assert logged["verdict"] == "Started"
        assert (logged["deliveryId"], logged["event"], logged["sender"]) == ("d-1", "push", "127.0.0.1")
        assert [each["pipelineExecutionId"] for each in logged["pipelines"]] == [told["executionId"]]
        assert webhook(line)["lastTriggered"].timestamp() == pytest.approx(logged["deliveredAt"], abs=0.01)

    def test_what_does_not_match_starts_nothing_and_says_why(self, line: Scene) -> None:
        url = put(line)["url"]
        why = "$.ref is 'refs/heads/dev', not 'refs/heads/main'"
        assert push(url, "refs/heads/dev") == (200, {"result": "ignored", "reason": why})
        assert (deliveries(line)[0]["verdict"], deliveries(line)[0]["reason"]) == ("Ignored", why)
        assert started_by_webhooks(line) == []
        assert not {"lastTriggered", "errorCode"} & webhook(line).keys()

    def test_placeholders_are_those_of_the_target_as_it_is_now(self, scene: Scene) -> None:
        configuration = {"Owner": "o", "Repo": "r", "Branch": "main", "OAuthToken": "t-secret"}
        declared = pipeline(
            "line",
            stage("Source", action("Pull", "Source", "ThirdParty", "GitHub", configuration, outputs=("App",))),
            stage("Build", build("Make")),
        )
        scene.types()
        scene.aws.create_pipeline(pipeline=declared)
        filters = [{"jsonPath": "$.ref", "matchEquals": "refs/heads/{Branch}"}]
        url = put(scene, filters=filters)["url"]
        assert push(url)[1]["result"] == "started"
        configuration["Branch"] = "dev"
        scene.aws.update_pipeline(pipeline=declared)
        assert push(url)[1]["result"] == "ignored"
        assert push(url, "refs/heads/dev")[1]["result"] == "started"

    def test_no_placeholder_tells_a_secret(self, scene: Scene) -> None:
        configuration = {"Owner": "o", "Repo": "r", "Branch": "main", "OAuthToken": "t-secret"}
        source = action("Pull", "Source", "ThirdParty", "GitHub", configuration, outputs=("App",))
        scene.types()
        scene.aws.create_pipeline(pipeline=pipeline("line", stage("Source", source), stage("Build", build("Make"))))
        url = put(scene, filters=[{"jsonPath": "$.ref", "matchEquals": "{OAuthToken}"}])["url"]
        assert push(url, "x")[1]["reason"] == "$.ref is 'x', not '{OAuthToken}'"

    def test_every_filter_must_match_and_none_is_enough(self, line: Scene) -> None:
        url = put(line, filters=[{"jsonPath": "$.ref"}, {"jsonPath": "$.nope"}])["url"]
        assert push(url)[1]["reason"] == "$.nope finds nothing in the payload"
        put(line, filters=[])
        assert push(url, "anything")[1]["result"] == "started"

    def test_a_delivery_that_comes_again_starts_nothing_more(self, line: Scene) -> None:
        url = put(line)["url"]
        execution = push(url, X_GitHub_Delivery="same")[1]["executionId"]
        told = push(url, X_GitHub_Delivery="same")[1]
        assert told == {"result": "ignored", "reason": f"This delivery has started the execution {execution} before"}
        assert push(url, X_GitHub_Delivery="other")[1]["result"] == "started"
        assert len(started_by_webhooks(line)) == 2

    def test_one_that_was_ignored_counts_when_it_comes_again(self, line: Scene) -> None:
        url = put(line)["url"]
        assert push(url, "refs/heads/dev", X_GitHub_Delivery="same")[1]["result"] == "ignored"
        put(line, filters=[])
        assert push(url, "refs/heads/dev", X_GitHub_Delivery="same")[1]["result"] == "started"

    def test_a_start_that_is_refused_is_told_and_shown(self, scene: Scene) -> None:
        scene.types()
        scene.pipeline(pipelineType="V2", variables=[{"name": "Needed"}])
        url = put(scene)["url"]
        status, told = push(url)
        assert (status, told["result"]) == (200, "failed")
        assert "Needed" in told["reason"]
        shown = webhook(scene)
        assert (shown["errorCode"], "Needed" in shown["errorMessage"]) == ("ValidationException", True)
        assert deliveries(scene)[0]["verdict"] == "Failed"

    def test_an_error_is_shown_until_things_go_well_again(self, line: Scene) -> None:
        url = put(line)["url"]
        push(url, secret="wrong")
        assert webhook(line)["errorCode"] == "InvalidSignature"
        assert "x-hub-signature-256" in webhook(line)["errorMessage"]
        push(url)
        assert not {"errorCode", "errorMessage"} & webhook(line).keys()

    def test_a_target_action_that_was_taken_out_is_named(self, line: Scene) -> None:
        url = put(line)["url"]
        declared = line.aws.get_pipeline(name="line")["pipeline"]
        declared["stages"][0]["actions"][0]["name"] = "Renamed"
        line.aws.update_pipeline(pipeline=declared)
        assert push(url)[1] == {"result": "failed", "reason": "The pipeline 'line' has no source action 'Pull'"}

    def test_what_was_answered_is_there_after_a_kill(self, tmp_path: Path, witness: Witness) -> None:
        with serving(tmp_path / "data") as server:
            scene = Scene(server, witness)
            scene.types()
            scene.pipeline()
            url = put(scene)["url"]
            execution = push(url)[1]["executionId"]
            server.kill()
            server.start()
            assert execution in [each["pipelineExecutionId"] for each in scene.executions()]
            assert deliveries(scene)[0]["pipelines"][0]["pipelineExecutionId"] == execution
            assert "lastTriggered" in webhook(scene)
            assert push(url)[1]["result"] == "started"


class TestProof:
    def test_both_kinds_of_githubs_signature_are_taken(self, line: Scene) -> None:
        url = put(line)["url"]
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        for header, algorithm in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            assert send(url, body, {header: signature(SECRET, body, algorithm)})[1]["result"] == "started"

    def test_the_stronger_one_decides(self, line: Scene) -> None:
        url = put(line)["url"]
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        both = {"X-Hub-Signature": signature(SECRET, body, "sha1"), "X-Hub-Signature-256": "sha256=" + "0" * 64}
        assert send(url, body, both)[0] == 403

    @pytest.mark.parametrize(
        "proof",
        ["", "sha256=", "sha256=" + "0" * 64, "0" * 64, "sha1=" + "0" * 40, "sha256=\u00fc"],
    )
    def test_a_wrong_one_is_told_nothing_and_logged_with_the_reason(self, line: Scene, proof: str) -> None:
        url = put(line)["url"]
        assert send(url, b"{}", {"X-Hub-Signature-256": proof}) == (403, {"message": "Forbidden"})
        (logged,) = deliveries(line)
        assert (logged["verdict"], "x-hub-signature" in logged["reason"]) == ("Refused", True)
        assert started_by_webhooks(line) == []

    def test_none_at_all_is_refused(self, line: Scene) -> None:
        assert send(put(line)["url"], b"{}") == (403, {"message": "Forbidden"})

    def test_one_changed_byte_of_the_body_is_enough(self, line: Scene) -> None:
        body = json.dumps({"ref": "refs/heads/main"}).encode()
        assert send(put(line)["url"], body + b" ", signed(body))[0] == 403

    @pytest.mark.parametrize(("wanted", "status"), [("127.0.0.0/8", 200), ("127.0.0.1", 200), ("10.0.0.0/8", 403)])
    def test_the_senders_address_must_be_in_the_range(self, line: Scene, wanted: str, status: int) -> None:
        url = put(line, authentication="IP", authenticationConfiguration={"AllowedIPRange": wanted})["url"]
        assert push(url)[0] == status
        if status == 403:
            assert deliveries(line)[0]["reason"] == f"The sender 127.0.0.1 is not in the AllowedIPRange {wanted}"

    def test_a_forwarded_address_is_not_believed(self, line: Scene) -> None:
        url = put(line, authentication="IP", authenticationConfiguration={"AllowedIPRange": "10.0.0.0/8"})["url"]
        assert push(url, X_Forwarded_For="10.1.2.3", Forwarded="for=10.1.2.3")[0] == 403

    def test_whoever_needs_no_proof_is_told_no_reasons(self, line: Scene) -> None:
        url = put(line, authentication="UNAUTHENTICATED", authenticationConfiguration={})["url"]
        assert push(url, "refs/heads/dev") == (200, {"result": "ignored"})
        assert push(url)[1].keys() == {"result", "executionId"}
        assert deliveries(line)[1]["reason"] == "$.ref is 'refs/heads/dev', not 'refs/heads/main'"


class TestLog:
    def test_the_last_hundred_are_kept_newest_first(self, line: Scene) -> None:
        url = put(line)["url"]
        for number in range(105):
            push(url, "refs/heads/dev", X_GitHub_Delivery=f"d{number}")
        logged = deliveries(line)
        assert [each["deliveryId"] for each in logged] == [f"d{number}" for number in range(104, 4, -1)]

    def test_it_comes_in_pages(self, line: Scene) -> None:
        url = put(line)["url"]
        for number in range(5):
            push(url, X_GitHub_Delivery=f"d{number}")
        first = own(line, "ListWebhookDeliveries", webhookName="hook", maxResults=3)
        rest = own(line, "ListWebhookDeliveries", webhookName="hook", maxResults=3, nextToken=first["nextToken"])
        ids = [each["deliveryId"] for page in (first, rest) for each in page["deliveries"]]
        assert (ids, "nextToken" in rest) == (["d4", "d3", "d2", "d1", "d0"], False)

    def test_a_principal_needs_the_permission(self, line: Scene) -> None:
        put(line)
        keys = user_keys(line.server, f"reader-{line.region}", ["codepipeline:*"])
        url = line.server.url
        with pytest.raises(urllib.error.HTTPError) as refused:
            own_operation(url, keys, line.region, "ListWebhookDeliveries", webhookName="hook")
        with refused.value as answer:
            assert json.load(answer)["__type"] == "AccessDeniedException"

    def test_a_policy_may_name_single_webhooks(self, line: Scene) -> None:
        ours = f"arn:aws:codepipeline:{line.region}:{ACCOUNT}"
        actions = ["codepipeline:PutWebhook", "codepipeline:DeleteWebhook"]
        statement = {"Effect": "Allow", "Action": actions, "Resource": [f"{ours}:webhook:mine", f"{ours}:line"]}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        made = own(line, "CreatePrincipal", name=f"one-{line.region}", policy=policy)
        keys = {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}
        theirs = Scene(line.server, line.witness, keys, line.region)
        put(theirs, "mine")
        assert code_of(theirs.aws.put_webhook, webhook=definition("other")) == "AccessDeniedException"
        assert code_of(theirs.aws.list_webhooks) == "AccessDeniedException"
        theirs.aws.delete_webhook(name="mine")

    def test_deliveries_at_the_same_time_are_all_logged(self, line: Scene) -> None:
        url = put(line)["url"]
        with ThreadPoolExecutor(8) as threads:
            told = list(threads.map(lambda number: push(url, X_GitHub_Delivery=f"d{number}")[1], range(32)))
        executions = {each["executionId"] for each in told}
        assert len(executions) == 32
        assert {each["deliveryId"] for each in deliveries(line)} == {f"d{number}" for number in range(32)}
        assert set(started_by_webhooks(line)) == executions

"""Temporary credentials of principals, from STS: who gets them, what they open, and how they end."""

import datetime as dt
from typing import Any

import pytest

from operations.principals import (
    ACCOUNT,
    OTHER,
    Keys,
    People,
    allowing,
    ask_own,
    denying,
    document,
    refusal,
    session_keys,
)
from operations.raw import Answer, Wire
from operations.scene import code_of, fresh_region
from serving import Server

LIST = allowing("codepipeline:List*")
ASSUME = allowing("sts:AssumeRole")
NOWHERE = f"arn:aws:iam::{ACCOUNT}:role/nowhere"


@pytest.fixture
def people(shared_server: Server) -> People:
    return People(shared_server)


@pytest.fixture
def name() -> str:
    """A name that nobody has yet."""
    return fresh_region()


def user_arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:iam::{account}:user/{name}"


def identity(people: People, keys: Keys) -> dict[str, Any]:
    found: dict[str, Any] = people.sts(keys).get_caller_identity()
    return {name: found[name] for name in ("UserId", "Account", "Arn")}


def pipelines(people: People, keys: Keys) -> Any:
    return people.server.client("codepipeline", keys).list_pipelines


def denied(caller: str, role: str) -> tuple[str, int, str]:
    return "AccessDenied", 403, f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}"


class TestIdentity:
    def test_everybody_is_told_who_they_are_by_a_unique_id(self, people: People, name: str) -> None:
        user = people.user(name, denying("*"))
        assert identity(people, people.server.root_keys) == {
            "UserId": ACCOUNT,
            "Account": ACCOUNT,
            "Arn": f"arn:aws:iam::{ACCOUNT}:root",
        }
        found = identity(people, user)
        assert (found["Arn"], found["UserId"][:4]) == (user_arn(name), "AIDA")
        role = people.role(f"{name}-role", trust=[ACCOUNT])
        found = identity(people, people.assume(None, role, "deploy"))
        assert found["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}-role/deploy"
        assert found["UserId"].startswith("AROA")
        assert found["UserId"].endswith(":deploy")


class TestSessionTokens:
    def test_one_is_the_user_for_a_while_and_may_do_the_same(self, people: People, name: str) -> None:
        keys = people.user(name, LIST)
        answer = people.sts(keys).get_session_token(DurationSeconds=900)
        session = session_keys(answer)
        left = answer["Credentials"]["Expiration"] - dt.datetime.now(dt.UTC)
        assert 880 < left.total_seconds() <= 900
        assert identity(people, session) == identity(people, keys)
        assert "pipelines" in pipelines(people, session)()
        aws = people.server.client("codepipeline", session)
        assert code_of(aws.delete_pipeline, name="x") == "AccessDeniedException"

    @pytest.mark.parametrize(
        ("of_root", "given", "seconds"),
        [(False, {}, 43_200), (False, {"DurationSeconds": 129_600}, 129_600), (True, {}, 3600)],
    )
    def test_it_lasts_as_long_as_was_asked_and_roots_an_hour(
        self, people: People, name: str, of_root: bool, given: dict[str, int], seconds: int
    ) -> None:
        keys = None if of_root else people.user(name)
        expires_at = people.sts(keys).get_session_token(**given)["Credentials"]["Expiration"]
        assert seconds - 20 < (expires_at - dt.datetime.now(dt.UTC)).total_seconds() <= seconds

    def test_roots_own_opens_everything(self, people: People) -> None:
        session = session_keys(people.sts().get_session_token())
        assert identity(people, session)["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
        assert "pipelines" in pipelines(people, session)()
        assert ask_own(people.server, session, "ListPrincipals", account=OTHER).status == 200

    def test_it_takes_no_permission_but_can_be_denied(self, people: People, name: str) -> None:
        assert people.sts(people.user(name)).get_session_token()
        keys = people.user(f"{name}-not", allowing("*"), denying("sts:GetSessionToken"))
        code, status, message = refusal(people.sts(keys).get_session_token)
        assert (code, status) == ("AccessDenied", 403)
        assert message.endswith("sts:GetSessionToken on resource: * with an explicit deny in an identity-based policy")

    def test_temporary_credentials_get_no_more_of_themselves(self, people: People, name: str) -> None:
        user = session_keys(people.sts(people.user(name)).get_session_token())
        role = people.assume(None, people.role(f"{name}-role", allowing("*"), trust=[ACCOUNT]))
        root = session_keys(people.sts().get_session_token())
        for keys in (user, role, root):
            assert refusal(people.sts(keys).get_session_token) == (
                "AccessDenied",
                403,
                "Cannot call GetSessionToken with session credentials",
            )

    def test_one_opens_objects_as_well(self, people: People, name: str) -> None:
        keys = people.user(name, allowing("s3:*"))
        s3 = people.server.client("s3", session_keys(people.sts(keys).get_session_token()))
        s3.create_bucket(Bucket=f"of-{name}")
        assert [each["Name"] for each in s3.list_buckets()["Buckets"] if each["Name"] == f"of-{name}"]
        assert code_of(people.server.client("s3", people.user(f"{name}-no")).list_buckets) == "AccessDenied"


class TestRoles:
    def test_a_role_is_what_it_may_and_not_what_its_user_may(self, people: People, name: str) -> None:
        keys = people.user(name, allowing("codepipeline:Get*"), ASSUME)
        role = people.role(f"{name}-role", LIST, trust=[ACCOUNT])
        answer = people.sts(keys).assume_role(RoleArn=role, RoleSessionName="a@b,c=d.e_f+g-h")
        assert answer["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}-role/a@b,c=d.e_f+g-h"
        assert answer["AssumedRoleUser"]["AssumedRoleId"].endswith(":a@b,c=d.e_f+g-h")
        assert "PackedPolicySize" not in answer
        left = answer["Credentials"]["Expiration"] - dt.datetime.now(dt.UTC)
        assert 3580 < left.total_seconds() <= 3600
        session = session_keys(answer)
        assert "pipelines" in pipelines(people, session)()
        message = refusal(people.server.client("codepipeline", session).get_pipeline, name="x")[2]
        assert message.startswith(
            f"User: {answer['AssumedRoleUser']['Arn']} is not authorized to perform: codepipeline:G"
        )

    def test_what_a_role_does_is_known_by_its_session(self, people: People, name: str) -> None:
        session = people.assume(None, people.role(name, allowing("*"), trust=[ACCOUNT]), "deploy")
        aws = people.server.client("codepipeline", session, name)
        from declarations import custom_source, custom_type, pipeline, stage
        from operations.scene import build

        aws.create_custom_action_type(**custom_type("Origin", category="Source"))
        aws.create_custom_action_type(**custom_type("Builder"))
        declared = pipeline("line", stage("Source", custom_source()), stage("Build", build("Make")))
        aws.create_pipeline(pipeline=declared)
        aws.start_pipeline_execution(name="line")
        newest = aws.list_pipeline_executions(pipelineName="line")["pipelineExecutionSummaries"][0]
        assert newest["trigger"]["triggerDetail"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/deploy"

    @pytest.mark.parametrize(
        ("trusts", "policy", "is_let_in"),
        [
            ("user", (), True),
            ("user", (denying("sts:*"),), False),
            ("account", (ASSUME,), True),
            ("root", (ASSUME,), True),
            ("account", (), False),
            ("account", (allowing("sts:AssumeRole", resource=NOWHERE),), False),
            ("account", (ASSUME, denying("sts:AssumeRole")), False),
            ("another user", (ASSUME,), False),
            ("another account", (ASSUME,), False),
        ],
    )
    def test_in_the_same_account_the_trust_names_the_user_or_the_users_policy_the_role(
        self, people: People, name: str, trusts: str, policy: tuple[Any, ...], is_let_in: bool
    ) -> None:
        trust = {
            "user": user_arn(name),
            "account": ACCOUNT,
            "root": f"arn:aws:iam::{ACCOUNT}:root",
            "another user": user_arn(f"{name}x"),
            "another account": OTHER,
        }[trusts]
        keys, role = people.user(name, *policy), people.role(f"{name}-role", LIST, trust=[OTHER, trust])
        if is_let_in:
            assert "pipelines" in pipelines(people, people.assume(keys, role))()
        else:
            call = people.sts(keys).assume_role
            assert refusal(call, RoleArn=role, RoleSessionName="ab") == denied(user_arn(name), role)

    @pytest.mark.parametrize(
        ("trusts", "policy", "is_let_in"),
        [
            ("user", (ASSUME,), True),
            ("account", (ASSUME,), True),
            ("user", (), False),
            ("user", (ASSUME, denying("sts:*")), False),
            ("own account", (ASSUME,), False),
        ],
    )
    def test_from_another_account_both_must_say_yes(
        self, people: People, name: str, trusts: str, policy: tuple[Any, ...], is_let_in: bool
    ) -> None:
        trust = {"user": user_arn(name, OTHER), "account": OTHER, "own account": ACCOUNT}[trusts]
        keys = people.user(name, *policy, account=OTHER)
        role = people.role(f"{name}-role", LIST, trust=[trust])
        if is_let_in:
            assert identity(people, people.assume(keys, role))["Account"] == ACCOUNT
        else:
            call = people.sts(keys).assume_role
            assert refusal(call, RoleArn=role, RoleSessionName="ab") == denied(user_arn(name, OTHER), role)

    def test_root_assumes_what_trusts_its_account_and_nothing_else(self, people: People, name: str) -> None:
        ours = people.role(name, trust=[ACCOUNT], account=OTHER)
        theirs = people.role(f"{name}-not", trust=[OTHER, user_arn("ann")], account=OTHER)
        assert identity(people, people.assume(None, ours))["Account"] == OTHER
        call = people.sts().assume_role
        assert refusal(call, RoleArn=theirs, RoleSessionName="ab")[0] == "AccessDenied"

    def test_a_role_that_there_is_not_is_refused_like_one_that_does_not_trust(self, people: People, name: str) -> None:
        keys = people.user(name, allowing("*"))
        call = people.sts(keys).assume_role
        assert refusal(call, RoleArn=NOWHERE, RoleSessionName="ab") == denied(user_arn(name), NOWHERE)
        users = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        assert refusal(call, RoleArn=users, RoleSessionName="ab") == denied(user_arn(name), users)

    @pytest.mark.parametrize("trusts", ["role", "session", "account"])
    def test_a_role_may_assume_another_for_an_hour(self, people: People, name: str, trusts: str) -> None:
        first = people.role(name, ASSUME, trust=[ACCOUNT])
        session_arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/one"
        trust = {"role": first, "session": session_arn, "account": ACCOUNT}[trusts]
        second = people.role(f"{name}-2", LIST, trust=[trust])
        session = people.assume(None, first, "one")
        assert "pipelines" in pipelines(people, people.assume(session, second, DurationSeconds=3600))()
        given = {"RoleArn": second, "RoleSessionName": "ab", "DurationSeconds": 3601}
        code, status, message = refusal(people.sts(session).assume_role, **given)
        assert (code, status) == ("ValidationError", 400)
        assert "exceeds the 1 hour session limit for roles assumed by role chaining" in message
        if trusts == "session":
            other = people.assume(None, first, "two")
            assert refusal(people.sts(other).assume_role, RoleArn=second, RoleSessionName="ab")[0] == "AccessDenied"

    def test_conditions_count_when_a_role_is_assumed(self, people: People, name: str) -> None:
        inside = {"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}, "StringEquals": {"aws:username": name}}
        keys = people.user(name, allowing("sts:AssumeRole", Condition=inside))
        other = people.user(f"{name}-2", allowing("sts:AssumeRole", Condition=inside))
        role = people.role(f"{name}-role", trust=[ACCOUNT])
        assert people.assume(keys, role)
        assert refusal(people.sts(other).assume_role, RoleArn=role, RoleSessionName="ab")[0] == "AccessDenied"


class TestSessionPolicies:
    def test_a_policy_of_the_session_narrows_the_roles(self, people: People, name: str) -> None:
        role = people.role(name, allowing("codepipeline:*"), trust=[ACCOUNT])
        narrow = document(LIST, allowing("s3:*"))
        answer = people.sts().assume_role(RoleArn=role, RoleSessionName="ab", Policy=narrow)
        assert 0 < answer["PackedPolicySize"] < 20
        session = session_keys(answer)
        assert "pipelines" in pipelines(people, session)()
        call = people.server.client("codepipeline", session).delete_pipeline
        assert refusal(call, name="x")[2].endswith(
            "because no session policy allows the codepipeline:DeletePipeline action"
        )
        assert code_of(people.server.client("s3", session).list_buckets) == "AccessDenied"
        denies = document(allowing("*"), denying("codepipeline:List*"))
        call = pipelines(people, people.assume(None, role, Policy=denies))
        assert refusal(call)[2].endswith("with an explicit deny in a session policy")

    def test_it_goes_on_to_narrow_what_the_session_may_assume(self, people: People, name: str) -> None:
        first = people.role(name, allowing("*"), trust=[ACCOUNT])
        second = people.role(f"{name}-2", allowing("*"), trust=[first])
        session = people.assume(None, first, Policy=document(LIST))
        assert refusal(people.sts(session).assume_role, RoleArn=second, RoleSessionName="ab")[0] == "AccessDenied"

    def test_one_that_is_malformed_or_too_large_is_refused(self, people: People, name: str) -> None:
        given = {"RoleArn": people.role(name, trust=[ACCOUNT]), "RoleSessionName": "ab"}
        call = people.sts().assume_role
        code, status, message = refusal(call, **given, Policy='{"Statement": "x"}')
        assert (code, status) == ("MalformedPolicyDocument", 400)
        assert message.startswith("The policy is not a valid IAM policy document: ")
        largest = document(LIST).ljust(2048)
        assert call(**given, Policy=largest)["PackedPolicySize"] == 100
        assert refusal(call, **given, Policy=largest + " ")[:2] == ("PackedPolicyTooLarge", 400)


class TestEnding:
    def test_a_revoked_user_is_out_at_once_with_all_sessions(self, people: People, name: str) -> None:
        keys = people.user(name, LIST, ASSUME)
        session = session_keys(people.sts(keys).get_session_token())
        role = people.assume(keys, people.role(f"{name}-role", LIST, trust=[ACCOUNT]))
        people.call("DeletePrincipal", name=name)
        for each in (keys, session):
            assert code_of(pipelines(people, each)) == "UnrecognizedClientException"
            assert refusal(people.sts(each).get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
        # What it had assumed is the role, which is still there.
        assert "pipelines" in pipelines(people, role)()
        people.call("DeletePrincipal", name=f"{name}-role")
        assert code_of(pipelines(people, role)) == "UnrecognizedClientException"

    def test_a_namesake_does_not_bring_old_sessions_back(self, people: People, name: str) -> None:
        keys = people.user(name, LIST)
        session = session_keys(people.sts(keys).get_session_token())
        people.call("DeletePrincipal", name=name)
        again = people.user(name, LIST)
        assert "pipelines" in pipelines(people, again)()
        for each in (keys, session):
            assert code_of(pipelines(people, each)) == "UnrecognizedClientException"

    def test_another_policy_counts_at_once_for_keys_and_sessions(self, people: People, name: str) -> None:
        keys = people.user(name, LIST)
        session = session_keys(people.sts(keys).get_session_token())
        role = people.role(f"{name}-role", LIST, trust=[ACCOUNT])
        assumed = people.assume(None, role)
        for each in (keys, session, assumed):
            assert "pipelines" in pipelines(people, each)()
        for changed in (name, f"{name}-role"):
            people.call("UpdatePrincipal", name=changed, policy=document(allowing("s3:*")))
        for each in (keys, session, assumed):
            assert code_of(pipelines(people, each)) == "AccessDeniedException"

    def test_trust_that_is_taken_back_stops_the_next_one(self, people: People, name: str) -> None:
        role = people.role(name, LIST, trust=[ACCOUNT])
        session = people.assume(None, role)
        people.call("UpdatePrincipal", name=name, trust=[OTHER])
        assert refusal(people.sts().assume_role, RoleArn=role, RoleSessionName="ab")[0] == "AccessDenied"
        assert "pipelines" in pipelines(people, session)()


def broken(value: str, member: str, phrase: str) -> str:
    return (
        f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: Member must {phrase}"
    )


MISSING = (
    "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; "
    "Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null"
)


class TestRefusals:
    @pytest.mark.parametrize(
        ("operation", "given", "code", "message"),
        [
            ("assume_role", {}, "ValidationError", MISSING),
            (
                "assume_role",
                {"RoleArn": NOWHERE, "RoleSessionName": "a b"},
                "ValidationError",
                broken("a b", "roleSessionName", r"satisfy regular expression pattern: [\w+=,.@-]*"),
            ),
            (
                "assume_role",
                {"RoleArn": NOWHERE, "RoleSessionName": "ab", "DurationSeconds": 899},
                "ValidationError",
                broken("899", "durationSeconds", "have value greater than or equal to 900"),
            ),
            (
                "assume_role",
                {"RoleArn": NOWHERE, "RoleSessionName": "ab", "DurationSeconds": 43_201},
                "ValidationError",
                broken("43201", "durationSeconds", "have value less than or equal to 43200"),
            ),
            (
                "get_session_token",
                {"DurationSeconds": 129_601},
                "ValidationError",
                broken("129601", "durationSeconds", "have value less than or equal to 129600"),
            ),
            (
                "assume_role",
                {"RoleArn": "arn:aws:iam::1:user/somebody", "RoleSessionName": "ab"},
                "ValidationError",
                "Request ARN is invalid",
            ),
            (
                "assume_role",
                {"RoleArn": NOWHERE, "RoleSessionName": "ab", "Tags": [{"Key": "a", "Value": "b"}]},
                "InvalidParameterValue",
                "The parameter Tags.member.1.Key is not supported by this server",
            ),
            (
                "get_session_token",
                {"SerialNumber": "arn:aws:iam::123456789012:mfa/x", "TokenCode": "123456"},
                "InvalidParameterValue",
                "The parameter SerialNumber is not supported by this server",
            ),
        ],
    )
    def test_a_wrong_request_is_refused_in_the_words_of_sts(
        self, people: People, operation: str, given: dict[str, Any], code: str, message: str
    ) -> None:
        assert refusal(getattr(people.sts(), operation), **given) == (code, 400, message)

    def test_an_action_that_there_is_not_says_so(self, people: People) -> None:
        code, status, message = refusal(people.sts().get_access_key_info, AccessKeyId="AKIAEXAMPLEEXAMPLE")
        assert (code, status) == ("InvalidAction", 400)
        assert message == "Could not find operation GetAccessKeyInfo for version 2011-06-15"

    def test_a_wrong_signature_is_refused_in_the_words_of_sts(self, people: People) -> None:
        root = people.server.root_keys
        wrong = {**root, "aws_secret_access_key": "x" * 40}
        assert refusal(people.sts(wrong).get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)
        unknown = {**root, "aws_access_key_id": "AKIANOBODY"}
        assert refusal(people.sts(unknown).get_caller_identity)[:2] == ("InvalidClientTokenId", 403)
        session = session_keys(people.sts().get_session_token())
        bent = {**session, "aws_session_token": session["aws_session_token"] + "A"}
        assert refusal(people.sts(bent).get_caller_identity)[:2] == ("InvalidClientTokenId", 403)

    def test_a_number_that_is_none_is_refused(self, people: People) -> None:
        for text in ("soon", "1e3", "9" * 40):
            answer = ask_sts(people, f"Action=GetSessionToken&DurationSeconds={text}")
            assert (answer.status, b"<Code>InvalidParameterValue</Code>" in answer.body) == (400, True)

    def test_answers_are_xml_and_are_not_to_be_kept(self, people: People) -> None:
        answer = ask_sts(people, "Action=GetSessionToken&Version=2011-06-15")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/xml")
        assert answer.headers["cache-control"] == "no-store"
        assert b'<GetSessionTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">' in answer.body


class TestScopes:
    def test_a_signature_for_sts_does_not_open_the_api(self, people: People) -> None:
        wire = Wire(people.server, "us-east-1", service="sts")
        answer = wire.ask()
        assert (answer.status, answer.code) == (400, "InvalidSignatureException")
        assert answer.message == "Credential should be scoped to correct service: 'codepipeline'. "

    def test_a_signature_for_the_api_does_not_open_sts(self, people: People) -> None:
        wire, body = Wire(people.server, "us-east-1"), b"Action=GetCallerIdentity&Version=2011-06-15"
        assert wire.send(wire.signed(body=body, **FORM), body).code == "UnknownOperationException"


FORM = {"Content_Type": "application/x-www-form-urlencoded", "X_Amz_Target": None}


def ask_sts(people: People, form: str) -> Answer:
    wire = Wire(people.server, "us-east-1", service="sts")
    return wire.send(wire.signed(body=form.encode(), **FORM), form.encode())

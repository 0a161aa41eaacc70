"""`penstock access`: keys that work and do what the policy allows, roles, and what becomes of both."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.running import Ended, penstock, plain
from operations.principals import People, allowing, document
from serving import Server


def policy(*actions: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def create(shared_server: Server, tmp_path: Path) -> Any:
    """Runs `penstock access create` as root, or as whoever the environment says."""

    def run(name: str, document: str, *more: str, environment: dict[str, str] | None = None) -> Ended:
        file = tmp_path / f"{name}.json"
        file.write_text(document)
        caller = environment or plain(PENSTOCK_DATA_DIR=str(shared_server.data_dir))
        return penstock("access", "create", name, "--policy", file, *more, environment=caller)

    return run


@pytest.fixture
def access(shared_server: Server) -> Any:
    """Runs `penstock access` as root."""

    def run(*arguments: object, stdin: str = "") -> Ended:
        environment = plain(PENSTOCK_DATA_DIR=str(shared_server.data_dir))
        return penstock("access", *arguments, environment=environment, stdin=stdin)

    return run


def client(server: Server, printed: str, service: str = "codepipeline") -> Any:
    answer = json.loads(printed)
    keys = {"aws_access_key_id": answer["accessKeyId"], "aws_secret_access_key": answer["secretAccessKey"]}
    return server.client(service, keys)


def test_its_keys_work_within_the_policy_and_no_further(shared_server: Server, create: Any) -> None:
    ended = create("lister", policy("codepipeline:List*"))
    assert (ended.code, ended.err) == (0, "")
    assert list(json.loads(ended.out)) == ["accessKeyId", "secretAccessKey", "arn"]
    lister = client(shared_server, ended.out)
    assert "pipelines" in lister.list_pipelines()
    with pytest.raises(ClientError, match=r"user/lister is not authorized to perform: codepipeline:DeletePipeline"):
        lister.delete_pipeline(name="any")
    with pytest.raises(ClientError, match="AccessDenied"):
        client(shared_server, ended.out, "s3").list_buckets()


def test_the_policy_may_come_from_standard_input(shared_server: Server) -> None:
    environment = plain(PENSTOCK_DATA_DIR=str(shared_server.data_dir))
    ended = penstock(
        "access", "create", "piped", "--policy", "-", "--json", environment=environment, stdin=policy("sts:*")
    )
    assert ended.code == 0
    assert json.loads(ended.out)["arn"].endswith(":user/piped")


def test_root_may_make_a_principal_in_another_account_and_nobody_else_may(shared_server: Server, create: Any) -> None:
    ended = create("neighbour", policy("*"), "--account", "111122223333")
    assert json.loads(ended.out)["arn"] == "arn:aws:iam::111122223333:user/neighbour"
    identity = client(shared_server, ended.out, "sts").get_caller_identity()
    assert identity["Account"] == "111122223333"

    answer = json.loads(create("admin", policy("*")).out)
    admin = shared_server.environment() | {
        "AWS_ACCESS_KEY_ID": answer["accessKeyId"],
        "AWS_SECRET_ACCESS_KEY": answer["secretAccessKey"],
    }
    assert create("colleague", policy("*"), environment=admin).code == 0
    refused = create("stranger", policy("*"), "--account", "111122223333", environment=admin)
    assert refused.code == 1
    assert refused.line.startswith("penstock: AccessDeniedException: ")


@pytest.mark.parametrize(
    ("name", "document", "said"),
    [
        ("two words", policy("*"), "ValidationException: 1 validation error detected"),
        ("fine", "not a policy", "ValidationException: The policy is not a valid IAM policy document"),
        ("fine", '{"Statement": {"Effect": "Maybe"}}', "ValidationException: The policy is not a valid"),
    ],
)
def test_what_the_server_refuses_is_one_line(create: Any, name: str, document: str, said: str) -> None:
    ended = create(name, document)
    assert (ended.code, ended.out) == (1, "")
    assert ended.line.startswith(f"penstock: {said}")


def test_a_name_is_given_once(create: Any) -> None:
    assert create("once", policy("*")).code == 0
    assert "has a principal 'once' already" in create("once", policy("*")).line


def test_a_policy_that_is_no_text_is_wrong_usage(shared_server: Server, tmp_path: Path) -> None:
    file = tmp_path / "policy"
    file.write_bytes(b"\xff\xfe\x00")
    ended = penstock("access", "create", "x", "--policy", file, "--data-dir", shared_server.data_dir)
    assert ended.code == 2
    assert "is not text in UTF-8" in ended.line


ROLE_ARN = "arn:aws:iam::123456789012:role/deployer"


def test_a_role_has_no_keys_and_is_assumed_by_whom_it_trusts(shared_server: Server, access: Any, create: Any) -> None:
    user = create("assumer", policy("sts:AssumeRole"))
    trust = ("--trust", "123456789012", "--trust", "111122223333")
    made = access("create", "deployer", "--policy", "-", "--role", *trust, stdin=policy("codepipeline:List*"))
    assert (made.code, json.loads(made.out)) == (0, {"arn": ROLE_ARN})
    sts = client(shared_server, user.out, "sts")
    found = sts.assume_role(RoleArn=ROLE_ARN, RoleSessionName="night")["Credentials"]
    keys = {
        "aws_access_key_id": found["AccessKeyId"],
        "aws_secret_access_key": found["SecretAccessKey"],
        "aws_session_token": found["SessionToken"],
    }
    assert "pipelines" in shared_server.client("codepipeline", keys).list_pipelines()

    shown = access("show", "deployer").out
    assert shown.splitlines()[:2] == ["role deployer", f"  arn      {ROLE_ARN}"]
    assert "  trusts   111122223333\n" in shown
    assert '"codepipeline:List*"' in shown


@pytest.mark.parametrize("wrong", [["--role"], ["--trust", "123456789012"]])
def test_a_role_and_its_trust_go_together(access: Any, wrong: list[str]) -> None:
    ended = access("create", "half", "--policy", "-", *wrong, stdin=policy("*"))
    assert (ended.code, ended.out) == (2, "")
    assert "--role and --trust go together" in ended.line


def test_principals_are_listed_all_of_them_and_shown(shared_server: Server, access: Any) -> None:
    assert access("list", "--account", "777788889999") == Ended(0, "", "")
    people = People(shared_server)
    for number in range(101):
        people.user(f"many-{number:03}", allowing("s3:GetObject"), account="777788889999")
    listed = access("list", "--account", "777788889999").out.splitlines()
    assert len(listed) == 101
    assert listed[0].split()[:3] == ["many-000", "user", "arn:aws:iam::777788889999:user/many-000"]
    as_json = json.loads(access("list", "--account", "777788889999", "--json").out)
    assert [each["name"] for each in as_json["principals"]] == [line.split()[0] for line in listed]
    shown = json.loads(access("show", "many-000", "--account", "777788889999", "--json").out)
    assert shown["policies"] == [document(allowing("s3:GetObject"))]
    (key,) = shown["keys"]
    assert f"\n  key      {key['accessKeyId']}, created " in access("show", "many-000", "--account", "777788889999").out


def test_an_update_counts_and_what_is_revoked_stops(shared_server: Server, access: Any, create: Any) -> None:
    made = create("leaver", policy("s3:*"))
    leaver = client(shared_server, made.out)
    with pytest.raises(ClientError, match="AccessDeniedException"):
        leaver.list_pipelines()
    ended = access("update", "leaver", "--policy", "-", stdin=policy("codepipeline:List*"))
    assert (ended.code, ended.out) == (0, "updated leaver\n")
    assert "pipelines" in leaver.list_pipelines()
    ended = access("revoke", "leaver")
    assert (ended.code, ended.out) == (0, "revoked leaver\n")
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        leaver.list_pipelines()
    for arguments in (("revoke", "leaver"), ("show", "leaver"), ("update", "leaver", "--trust", "123456789012")):
        refused = access(*arguments)
        assert refused.code == 1
        assert refused.line == (
            "penstock: ResourceNotFoundException: The account 123456789012 has no principal 'leaver'"
        )


def test_an_update_of_nothing_is_wrong_usage(access: Any) -> None:
    ended = access("update", "anybody")
    assert ended.code == 2
    assert "nothing is to be changed" in ended.line

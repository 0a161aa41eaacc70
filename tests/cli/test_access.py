"""`penstock access create`: keys that work, and do what the policy allows."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.running import Ended, penstock, plain
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

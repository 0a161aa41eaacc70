"""A server at its loudest with recognisable secrets in every secret place, taken through good and bad calls.

Everything that leaves it is kept, with the names of the secrets that it may carry: the answer that tells a secret to the one
who asked for it, and the job that is given to its worker.
"""

import io
import json
import re
import shutil
import signal
import sqlite3
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from botocore.exceptions import ClientError

from declarations import action, custom_source, custom_type, pipeline, stage
from git_hosts import send, signature
from operations.partner import declaration
from operations.raw import PREFIX, Answer, Wire
from operations.test_registering import GitHub
from penstock.operations.registry import HANDLERS
from serving import Server
from waiting import eventually

REGION = "us-east-1"
CONNECTION = f"arn:aws:codeconnections:{REGION}:123456789012:connection/planted"
SIGNATURE = re.compile(r"Signature=([0-9a-f]{64})")


class Left(NamedTuple):
    """Something that has left the process, and the secrets that it may carry."""

    what: str
    text: str
    may_carry: frozenset[str]


class Planted:
    """`secrets` holds those of each kind, the last one last, and `left` all that went out; `log` and `out` are there at the
    end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.github = GitHub()
        self.secrets: dict[str, list[str]] = {}
        self.left: list[Left] = []
        self._start()

    def plant(self, kind_of: str, value: str = "") -> str:
        """One more secret of that kind, made up unless it was told."""
        secret = value or f"planted-{kind_of.replace(' ', '-').replace(chr(39), '')}-hX7qZ"
        self.secrets.setdefault(kind_of, []).append(secret)
        return secret

    def last(self, kind_of: str) -> str:
        return self.secrets[kind_of][-1]

    def _start(self) -> None:
        given = {
            "PENSTOCK_ROOT_ACCESS_KEY_ID": "AKIAPLANTED",
            "PENSTOCK_ROOT_SECRET_ACCESS_KEY": self.plant("root secret"),
            "PENSTOCK_GITHUB_API_URL": self.github.url,
            "PYTHONFAULTHANDLER": "1",
        }
        loud = (sys.executable, str(Path(__file__).with_name("loud.py")))
        self.server = Server(
            self.folder / "data",
            *("--ack-timeout", "1", "--continuation-delay", "0.05", "--executor", "process"),
            prefix=("env", *(f"{name}={value}" for name, value in given.items()), *loud),
        )
        self.wire = Wire(self.server, REGION)
        self._plant_keys()

    def _plant_keys(self) -> None:
        for line in (self.server.data_dir / "key").read_text().split():
            self.plant("sealing key", line)

    def ask(self, operation: str, *may_carry: str, **members: Any) -> Any:
        """Call an operation as root; what the answer may carry is named."""
        prefix = PREFIX if f"{PREFIX}{operation}" in HANDLERS else "Penstock."
        body = json.dumps(members).encode()
        headers = self.wire.signed(body=body, X_Amz_Target=prefix + operation)
        self._keep_signature(headers["Authorization"])
        answer = self.wire.send(headers, body)
        self._keep(operation, answer, may_carry)
        return json.loads(answer.body) if answer.body else None

    def _keep(self, what: str, answer: Answer, may_carry: tuple[str, ...] = ()) -> None:
        self.left.append(Left(f"{what} {answer.status}", f"{answer.headers}{answer.body!r}", frozenset(may_carry)))

    def _keep_signature(self, authorization: str) -> None:
        found = SIGNATURE.search(authorization)
        assert found is not None
        self.plant("signature", found[1])

    def get(self, path: str, *may_carry: str, **headers: str) -> Answer:
        """An unsigned request, as of a browser."""
        answer = self.wire.send({"Host": self.wire.address.netloc, **headers}, b"", "GET", path)
        self._keep(path.partition("?")[0], answer, may_carry)
        return answer

    def end(self) -> None:
        """Let the process end as from a fault of its own; what it had to say is read to the end."""
        self.server.process.send_signal(signal.SIGABRT)
        assert self.server.process.stdout is not None
        self.out = self.server.process.stdout.read()
        assert self.server.wait() == -signal.SIGABRT
        self.log = self.server.log()
        self.github.close()


def go_through(planted: Planted) -> None:
    """Everything good and bad, in an order in which one thing leads to the next."""
    declare(planted)
    work(planted)
    work_as_partner(planted)
    let_git_hosts_in(planted)
    let_others_in(planted)
    look_around(planted)
    run_commands(planted)
    back_up(planted)
    call_nonsense(planted)
    break_things(planted)


def declare(planted: Planted) -> None:
    secret = {"name": "Password", "required": True, "key": False, "secret": True}
    keeper = {**custom_type("Keeper"), "configurationProperties": [secret]}
    for declared in (custom_type("Origin", category="Source"), keeper):
        planted.ask("CreateCustomActionType", **declared)
    planted.ask("RegisterPartnerActionType", actionType=declaration("Vendor"))
    linked = planted.ask("LinkPartner", "client token", provider="Vendor", version="1")
    planted.plant("client token", linked["clientToken"])
    declared = line(planted)
    planted.ask("CreatePipeline", pipeline=declared)
    planted.ask("CreatePipeline", pipeline=declared)
    # Refused, each by another check, all with the secrets in them.
    planted.ask("CreatePipeline", pipeline={**declared, "name": "a b"})
    planted.ask("CreatePipeline", pipeline={**declared, "name": "two", "stages": declared["stages"][:1]})
    for name in ("Password", "password", "Passw"):
        planted.ask("CreatePipeline", pipeline=line(planted, {name: planted.last("custom secret") * 2000}))
    planted.ask("CreatePipeline", pipeline=line(planted, {"Password": {"in": planted.last("custom secret")}}))
    planted.ask("StartPipelineExecution", name="line")


def line(planted: Planted, configuration: dict[str, Any] | None = None) -> dict[str, Any]:
    given = configuration or {"Password": planted.plant("custom secret")}
    keep = action("Keep", "Build", "Custom", "Keeper", given, outputs=("Box",))
    check = action("Check", "Test", "ThirdParty", "Vendor", {"Password": planted.plant("partner secret")})
    return pipeline("line", stage("Source", custom_source()), stage("Build", keep, check))


def kind(provider: str, category: str = "Build", owner: str = "Custom") -> dict[str, str]:
    return {"category": category, "owner": owner, "provider": provider, "version": "1"}


OF_JOBS = ("job secret", "job token")


def take(planted: Planted, provider: str, category: str = "Build", *may_carry: str) -> list[dict[str, Any]]:
    """Poll for jobs and acknowledge them."""
    polled = planted.ask("PollForJobs", *OF_JOBS, *may_carry, actionTypeId=kind(provider, category), maxBatchSize=9)
    jobs: list[dict[str, Any]] = polled["jobs"]
    for job in jobs:
        credentials_of(planted, job)
        planted.ask("AcknowledgeJob", jobId=job["id"], nonce="0" * 32)
        planted.ask("AcknowledgeJob", jobId=job["id"], nonce=job["nonce"])
    return jobs


def feed(planted: Planted) -> None:
    """Do what sources there are to do: put an empty archive."""
    box = io.BytesIO()
    zipfile.ZipFile(box, "w").close()
    for job in take(planted, "Origin", "Source"):
        where = job["data"]["outputArtifacts"][0]["location"]["s3Location"]
        store = client_of(planted, "s3", credentials_of(planted, job))
        store.put_object(Bucket=where["bucketName"], Key=where["objectKey"], Body=box.getvalue())
        planted.ask("PutJobSuccessResult", jobId=job["id"])


def credentials_of(planted: Planted, job: dict[str, Any]) -> dict[str, str]:
    given = job["data"].get("artifactCredentials")
    if given is None:
        return {}
    return {
        "aws_access_key_id": given["accessKeyId"],
        "aws_secret_access_key": planted.plant("job secret", given["secretAccessKey"]),
        "aws_session_token": planted.plant("job token", given["sessionToken"]),
    }


def work(planted: Planted) -> None:
    feed(planted)
    (job,) = take(planted, "Keeper", "Build", "custom secret")
    details = planted.ask("GetJobDetails", *OF_JOBS, "custom secret", jobId=job["id"])["jobDetails"]
    store(planted, details)
    failure = {"type": "JobFailed", "message": "it did not work"}
    planted.ask("PutJobFailureResult", jobId=job["id"], failureDetails=failure)
    planted.ask("PutJobFailureResult", jobId=job["id"], failureDetails=failure)


def store(planted: Planted, job: dict[str, Any]) -> None:
    """The S3 surface with a job's credentials: what they open, what they do not, and presigned, right and wrong."""
    keys = credentials_of(planted, job)
    s3 = client_of(planted, "s3", keys)
    where = job["data"]["outputArtifacts"][0]["location"]["s3Location"]
    place = {"Bucket": where["bucketName"], "Key": where["objectKey"]}
    s3.put_object(**place, Body=b"made")
    with suppress(ClientError):
        s3.get_object(**{**place, "Key": "another"})
    url = s3.generate_presigned_url("put_object", Params=place)
    query = parse_qs(urlsplit(url).query)
    planted.plant("presigned signature", query["X-Amz-Signature"][0])
    for changed in (url, url.replace("X-Amz-Expires=", "X-Amz-Expires=1"), url + "0", url + "&X-Amz-Algorithm=other"):
        parts = urlsplit(changed)
        planted.get(f"{parts.path}?{parts.query}")
        answer = planted.wire.send({"Host": planted.wire.address.netloc}, b"x", "PUT", f"{parts.path}?{parts.query}")
        planted._keep("a presigned upload", answer)


def client_of(planted: Planted, service: str, keys: dict[str, str] | None = None) -> Any:
    """A boto3 client whose signatures are planted as they are sent."""
    config = {"signature_version": "s3v4"} if service == "s3" else {}
    client = planted.server.client(service, keys, REGION, retries={"total_max_attempts": 1}, **config)
    client.meta.events.register("before-send", lambda request, **_: keep_request(planted, request))
    return client


def keep_request(planted: Planted, request: Any) -> None:
    authorization = request.headers["Authorization"]
    planted._keep_signature(authorization.decode() if isinstance(authorization, bytes) else authorization)


def work_as_partner(planted: Planted) -> None:
    (job,) = planted.ask("PollForThirdPartyJobs", actionTypeId=kind("Vendor", "Test", "ThirdParty"))["jobs"]
    token = {"jobId": job["jobId"], "clientToken": planted.last("client token")}
    details = planted.ask("GetThirdPartyJobDetails", "partner secret", **token)["jobDetails"]
    wrong = planted.plant("wrong client token")
    for members in (
        {"clientToken": wrong},
        {"clientToken": wrong * 20},
        {"clientToken": {"in": wrong}},
        {"jobId": "no"},
    ):
        planted.ask("GetThirdPartyJobDetails", **{**token, **members})
        planted.ask("PutThirdPartyJobSuccessResult", **{**token, **members})
        planted.ask("AcknowledgeThirdPartyJob", **{**token, "nonce": details["nonce"], **members})
    planted.ask("AcknowledgeThirdPartyJob", nonce=details["nonce"], **token)
    planted.ask("PutThirdPartyJobSuccessResult", **token)
    planted.ask("PutThirdPartyJobSuccessResult", **token)
    planted.get("/?" + urlencode({"Action": "GetThirdPartyJobDetails", **token}))


def let_git_hosts_in(planted: Planted) -> None:
    owners = {"Owner": "o", "Repo": "r", "Branch": "b", "OAuthToken": planted.plant("owner's token")}
    pull = action("Pull", "Source", "ThirdParty", "GitHub", owners, outputs=("App",))
    make = action("Make", "Build", "Custom", "Keeper", {"Password": planted.last("custom secret")})
    planted.ask("CreatePipeline", pipeline=pipeline("pulled", stage("Source", pull), stage("Build", make)))
    secret = planted.plant("webhook secret")
    hook = {
        "name": "hook",
        "targetPipeline": "pulled",
        "targetAction": "Pull",
        "filters": [{"jsonPath": "$.ref", "matchEquals": "{OAuthToken}"}],
        "authentication": "GITHUB_HMAC",
        "authenticationConfiguration": {"SecretToken": secret},
    }
    url = planted.ask("PutWebhook", "webhook token", webhook=hook)["webhook"]["url"]
    planted.plant("webhook token", url.rpartition("/")[2])
    for members in (
        {"SecretToken": secret * 10},
        {"SecretToken": secret, "AllowedIPRange": "1"},
        {"SecretToken": [secret]},
    ):
        planted.ask("PutWebhook", webhook={**hook, "authenticationConfiguration": members})
    planted.ask("PutWebhook", webhook={**hook, "filters": [{"jsonPath": "$["}]})
    planted.ask("ListWebhooks", "webhook token")
    planted.github.answers = [(422, {"message": "Validation Failed"}), (500, {}), (302, {})]
    for _ in range(4):
        planted.ask("RegisterWebhookWithThirdParty", webhookName="hook")
    planted.ask("DeregisterWebhookWithThirdParty", webhookName="hook")
    deliver(planted, url, secret)
    made = planted.ask(
        "ConnectRepository", "connection token", "connection secret", connectionArn=CONNECTION, provider="GitHub"
    )
    planted.plant("connection token", made["url"].rpartition("/")[2])
    deliver(planted, made["url"], planted.plant("connection secret", made["secret"]))
    planted.ask("ListWebhookDeliveries", webhookName="hook")
    planted.ask("ListWebhookDeliveries", connectionArn=CONNECTION)


def deliver(planted: Planted, url: str, secret: str) -> None:
    """Signed and unsigned, read and unreadable, to its address and beside it."""
    for body in (b'{"ref": "refs/heads/main"}', b"no json", b"[" * 100_000):
        proof = signature(secret, body)
        planted.plant("signature", proof.partition("=")[2])
        for headers in ({"X-Hub-Signature-256": proof}, {"X-Hub-Signature-256": "sha256=0"}, {}):
            status, answer = send(url, body, {"X-GitHub-Event": "push", **headers})
            planted.left.append(Left(f"a delivery {status}", str(answer), frozenset()))
    status, answer = send(url + "x", b"{}", {})
    planted.left.append(Left(f"a delivery to nobody {status}", str(answer), frozenset()))
    planted.get(urlsplit(url).path)


def let_others_in(planted: Planted) -> None:
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "codepipeline:List*", "Resource": "*"}],
    }
    made = planted.ask("CreatePrincipal", "user secret", name="somebody", policy=json.dumps(policy))
    planted.plant("user secret", made["secretAccessKey"])
    keys = {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}
    answer = client_of(planted, "sts", keys).get_session_token()
    given = answer["Credentials"]
    planted.plant("session secret", given["SecretAccessKey"])
    planted.plant("session token", given["SessionToken"])
    session = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    for caller in (
        keys,
        session,
        {**session, "aws_session_token": given["SessionToken"][:-2]},
        {**keys, "aws_secret_access_key": "no"},
    ):
        client = client_of(planted, "codepipeline", caller)
        for call in (client.list_pipelines, lambda client=client: client.get_pipeline(name="line")):
            try:
                told = str(call())
            except ClientError as refused:
                told = str(refused.response)
            planted.left.append(Left("a call of somebody's", told, frozenset()))


def look_around(planted: Planted) -> None:
    """Everything that shows what there is."""
    planted.ask("GetPipeline", name="line")
    planted.ask("GetPipeline", name="pulled")
    planted.ask("GetPipelineState", name="line")
    for name in ("line", "pulled"):
        for execution in planted.ask("ListPipelineExecutions", pipelineName=name)["pipelineExecutionSummaries"]:
            which = {"pipelineName": name, "pipelineExecutionId": execution["pipelineExecutionId"]}
            planted.ask("GetPipelineExecution", **which)
            planted.ask("ExplainPipeline", name=name, pipelineExecutionId=which["pipelineExecutionId"])
    for operation in ("ListActionExecutions", "ListRuleExecutions"):
        planted.ask(operation, pipelineName="line")
    planted.ask("ExplainPipeline", name="line")
    planted.ask("ListActionTypes")
    planted.ask("UpdatePipeline", pipeline=line(planted))
    planted.ask("RotateKey")
    planted._plant_keys()
    planted.ask("DescribeKeys")
    for path in ("health", "metrics", "openapi.json", "console/"):
        planted.get(f"/_penstock/{path}", Accept="text/html")


def run_commands(planted: Planted) -> None:
    """A build that prints what its environment keeps secret, and fails. Its declaration shows the variable, as the service's
    does: a secret of the log alone."""
    planted.ask("CreatePipeline", pipeline=building("printing", ['echo "it is $API_TOKEN"', "exit 3"], planted))
    planted.ask("CreatePipeline", pipeline=building("managed", ["env"], planted, "SECRETS_MANAGER"))
    feed(planted)
    for name in ("printing", "managed"):
        (failed,) = eventually(lambda name=name: ended(planted, name))
        log = planted.ask("GetActionLog", actionExecutionId=failed["actionExecutionId"])
        assert name == "managed" or "it is ***" in "".join(piece["text"] for piece in log["pieces"])


def ended(planted: Planted, name: str) -> list[dict[str, Any]]:
    found = planted.ask("ListActionExecutions", pipelineName=name)["actionExecutionDetails"]
    return [each for each in found if (each["actionName"], each["status"]) == ("Run", "Failed")]


def building(name: str, commands: list[str], planted: Planted, kind_of: str = "PLAINTEXT") -> dict[str, Any]:
    value = planted.plant("variable of a build")
    run = action("Run", "Compute", "AWS", "Commands", inputs=("App",))
    run |= {"commands": commands, "environmentVariables": [{"name": "API_TOKEN", "value": value, "type": kind_of}]}
    return pipeline(name, stage("Source", custom_source()), stage("Build", run), pipelineType="V2")


def back_up(planted: Planted) -> None:
    """A backup that stays where it is: what opens it is told to root, and does not lie beside it."""
    begun = planted.ask("CreateBackup")
    secrets = ("root secret", "sealing key")
    told = planted.ask("DescribeBackup", *secrets, backupId=begun["backupId"], waitSeconds=20)
    assert told["status"] == "Ready"


def call_nonsense(planted: Planted) -> None:
    for target in HANDLERS:
        operation = target.partition(".")[2]
        if operation == "CreateBackup":
            # It takes nothing for nonsense, and would be at work on files that are looked at.
            continue
        may_carry = ("webhook token",) if operation == "ListWebhooks" else ()
        planted.ask(operation, *may_carry)
        planted.ask(operation, *may_carry, name=["no"], jobId=7, clientToken={"in": planted.last("client token")})
    planted._plant_keys()
    for body in (b"{", b"\xff", b'{"clientToken": "' + planted.last("client token").encode()):
        planted._keep("what is no JSON", planted.wire.ask("GetThirdPartyJobDetails", body))


def break_things(planted: Planted) -> None:
    """Faults within: a sealed text that is damaged, and bytes of objects that are gone."""
    (job,) = eventually(lambda: keeper_job(planted))
    damage(planted.server.data_dir / "penstock.db")
    assert planted.ask("GetJobDetails", jobId=job["id"])["__type"] == "InternalFailure"
    assert planted.ask("PollForJobs", actionTypeId=kind("Keeper"))["jobs"] == []
    shutil.rmtree(planted.server.data_dir / "artifacts")
    s3 = client_of(planted, "s3")
    for call in (
        lambda: s3.put_object(Bucket="artifact-bucket", Key="k", Body=b"x"),
        lambda: s3.get_object(
            Bucket="artifact-bucket", Key=s3.list_objects_v2(Bucket="artifact-bucket")["Contents"][0]["Key"]
        ),
    ):
        try:
            told = str(call())
        except ClientError as refused:
            told = str(refused.response)
        planted.left.append(Left("a broken store", told, frozenset()))


def keeper_job(planted: Planted) -> list[dict[str, Any]]:
    """An open job of the action with the secret."""
    planted.ask("StartPipelineExecution", name="line")
    feed(planted)
    return take(planted, "Keeper", "Build", "custom secret")


def damage(database: Path) -> None:
    """Change a letter of every sealed text of a job."""
    with sqlite3.connect(database) as connection:
        rows = connection.execute("SELECT number, work FROM jobs WHERE work IS NOT NULL").fetchall()
        for number, document in rows:
            changed = re.sub(rb"(penstock:v1:[0-9a-f]{8}:.)(.)", _with_another, document)
            connection.execute("UPDATE jobs SET work = ? WHERE number = ?", (changed, number))
    connection.close()


def _with_another(found: re.Match[bytes]) -> bytes:
    return found[1] + (b"A" if found[2] != b"A" else b"B")

"""One partner and one pipeline, and jobs of them in whatever state a fact is about."""

import json
from functools import cached_property
from typing import Any, NamedTuple

from declarations import stage
from operations.faithful import Witness
from operations.partner import Partner
from operations.queries import Queries
from operations.raw import Answer, Wire
from operations.scene import Scene, build
from seeds.documents import COMMON_ERRORS, documented_errors
from serving import Server

# Both ways in: the JSON form, and the GET that the Swagger files describe.
WAYS = ("JSON", "GET")
DRY_RUN = {"DryRunOperation": 412}
REVISION = {"revision": "f00ba4", "changeIdentifier": "change-1", "created": 1700000000, "revisionSummary": "words"}
EXECUTION_DETAILS = {"summary": "well done", "externalExecutionId": "run-7", "percentComplete": 100}
SECRET = "open sesame"
KEY = {"id": "alias/line", "type": "KMS"}


class Task(NamedTuple):
    """A job as its worker knows it."""

    id: str
    nonce: str


class Round(NamedTuple):
    """An execution that has come to its work: one job of a partner's action and one of a custom action, both handed out."""

    execution_id: str
    partner: Task
    custom: Task


class Board:
    """Each job is handed out once: the server that it lies on gives no job to anybody a second time."""

    def __init__(self, server: Server, witness: Witness, *, mode: str = "PARALLEL", has_artifacts: bool = True) -> None:
        """Without artifacts the partner's action has nothing to read and nothing to write. A PARALLEL pipeline shows no state;
        in another mode a round ends before the next one begins."""
        self.scene = Scene(server, witness)
        self.partner = Partner(self.scene)
        self.stranger = Partner(Scene(server, witness))
        self.wire = Wire(server, self.scene.region)
        self.queries = Queries(self.wire)
        self.scene.types()
        store = {"type": "S3", "location": "artifact-bucket", "encryptionKey": KEY}
        secret = {"Mode": "thorough", "Password": SECRET}
        artifacts = {"inputs": ("App",), "outputs": ("Report",)} if has_artifacts else {}
        work = stage("Work", self.partner.action("Check", secret, **artifacts), build("Make", inputs=("App",)))
        self.scene.pipeline("line", work, artifactStore=store, pipelineType="V2", executionMode=mode)
        # A pipeline begins with an execution: one always waits at the source.
        self._waiting = self.scene.newest()

    def begin(self) -> Round:
        self.scene.work("Origin", currentRevision=REVISION)
        return self.go_on()

    def go_on(self) -> Round:
        """What begins once the source has come to its end."""
        execution_id, self._waiting = self._waiting, self.scene.start()
        (polled,) = self.partner.poll()
        (made,) = self.scene.poll()
        nonce = self.partner.details(polled["jobId"])["nonce"]
        return Round(execution_id, Task(polled["jobId"], nonce), Task(made["id"], made["nonce"]))

    def take(self) -> Round:
        """The same, with both jobs acknowledged."""
        begun = self.begin()
        assert self.partner.acknowledge(*begun.partner) == "InProgress"
        custom = self.scene.aws.acknowledge_job(jobId=begun.custom.id, nonce=begun.custom.nonce)
        assert custom["status"] == "InProgress"
        return begun

    def finish(self, begun: Round) -> None:
        """Both jobs succeed."""
        self.partner.succeed(begun.partner.id)
        self.scene.aws.put_job_success_result(jobId=begun.custom.id)

    def abandon(self, begun: Round) -> None:
        known = {"pipelineName": "line", "pipelineExecutionId": begun.execution_id}
        self.scene.aws.stop_pipeline_execution(**known, abandon=True)

    def run_of(self, action: str, begun: Round) -> dict[str, Any]:
        """The one attempt of the action in that round, as ListActionExecutions shows it."""
        asked = {"pipelineExecutionId": begun.execution_id}
        (found,) = [each for each in self.scene.actions(filter=asked) if each["actionName"] == action]
        return found

    def status_of(self, action: str, begun: Round) -> str:
        status: str = self.run_of(action, begun)["status"]
        return status

    # What many tests look at and none changes.

    @cached_property
    def handed_out(self) -> Round:
        return self.begin()

    @cached_property
    def held(self) -> Round:
        return self.take()

    @cached_property
    def ended(self) -> Round:
        taken = self.take()
        self.finish(taken)
        return taken

    @cached_property
    def given_up(self) -> Round:
        taken = self.take()
        self.abandon(taken)
        return taken

    def ask(self, way: str, operation: str, **members: Any) -> Answer:
        """The answer, if it is one that the documents know: a 200, or one of the operation's errors with its status."""
        answer = self.wire.call(operation, **members) if way == "JSON" else self.queries.get(operation, **members)
        known = documented_errors(operation) | COMMON_ERRORS | DRY_RUN
        if answer.status != 200:
            assert known.get(answer.code) == answer.status, (operation, members, answer)
            assert answer.message, (operation, members, answer)
        return answer


def told(answer: Answer) -> dict[str, Any]:
    """What a success tells, as JSON."""
    assert answer.status == 200, answer
    found: dict[str, Any] = json.loads(answer.body)
    return found

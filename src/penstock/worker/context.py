"""What a provider is told about its job, and what it can ask for."""

import asyncio
import logging
import time
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from penstock.wire import types as wire
from penstock.worker.artifacts import Artifacts
from penstock.worker.board import Board, Offer
from penstock.worker.credentials import PATIENCE, Clients, Patience
from penstock.worker.reading import built

logger = logging.getLogger(__name__)

Value = TypeVar("Value")

# UG: limits. The time between acknowledgement and result of an action that says nothing about it
JOB_SECONDS_MAX = 24 * 60 * 60
LOG_SECONDS_MAX = 10
# Also with each character escaped, a piece stays below the size of a request
LOG_PIECE_LENGTH_MAX = 128 * 1024

# Built-in actions are told more than a configuration can say, under keys that no declaration may use.
DECLARATION_KEY = "penstock:declaration"
OVERRIDES_KEY = "penstock:overrides"
GATE_KEY = "penstock:gate"
FUNCTION_KEY = "penstock:function"


class InvokedFunction(Struct, frozen=True, rename="camel"):
    """The function that is to do a job, and how long it is given."""

    arn: str
    timeout_seconds: int


class JobContext:
    """One job. Its configuration has all variables resolved and all secrets readable: keep it out of logs.

    `declaration` and `overrides` are there for built-in actions only. `gate` is what the rule of a condition stands at:
    beforeEntry, onSuccess or onFailure; `function` is the partner's one that is to do the job. `deadline`, in seconds since the
    epoch, is when the service gives up on the action. A partner's job has no account and no execution id.
    """

    def __init__(self, offer: Offer, board: Board) -> None:
        details = offer.data
        self.id = offer.id
        self.account = offer.account
        self.region = offer.region
        self.continuation_token = details.continuation_token
        self.action_type_id = details.action_type_id
        self._offer = offer
        self._board = board
        self._loop = asyncio.get_running_loop()
        self._log_is_lost = False
        self._read_context(details.pipeline_context or wire.PipelineContext())
        self._read_configuration(details.action_configuration)
        self.inputs = _by_name(details.input_artifacts)
        self.outputs = _by_name(details.output_artifacts)
        self._clients = Clients(offer, board)
        self.artifacts = Artifacts(self.inputs, self.outputs, details.encryption_key, self._clients)
        minutes = self.declaration.timeout_in_minutes if self.declaration else None
        self.deadline = time.time() + (minutes * 60 if minutes else JOB_SECONDS_MAX)

    async def log(self, text: str) -> None:
        """Add to the job's log, as it is; end lines with a line break. A log that cannot be written fails no job."""
        if self._log_is_lost:
            return
        try:
            for start in range(0, len(text), LOG_PIECE_LENGTH_MAX):
                async with asyncio.timeout(LOG_SECONDS_MAX):
                    await self._board.log(self._offer, text[start : start + LOG_PIECE_LENGTH_MAX])
        except Exception as error:
            # Once is enough: a job that writes much would otherwise wait for each of its lines.
            self._log_is_lost = True
            logger.warning("the log of job %s goes on without being written: %r", self.id, error)

    async def service_client(self, name: str, patience: Patience = PATIENCE, region: str | None = None) -> Any:
        """A boto3 client for what the action touches beyond its artifacts, S3 for one; in the job's region unless another is
        named. Call it in threads."""
        return await self._clients.service(name, patience, region)

    def details(self) -> wire.JobData:
        """The job as the service's API tells it, credentials included, without what only built-in actions are told."""
        configuration = wire.ActionConfiguration(configuration=self.configuration)
        return msgspec.structs.replace(self._offer.data, action_configuration=configuration)

    def secrets(self) -> tuple[str, ...]:
        """What must not be seen in a log: the job's own credentials."""
        held = self._offer.data.artifact_credentials
        return () if held is None else (held.secret_access_key, held.session_token)

    def wait_for(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """The outcome of one of this object's coroutines, for a provider function that runs in a thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def _read_context(self, context: wire.PipelineContext) -> None:
        self.pipeline = context.pipeline_name or ""
        self.pipeline_arn = context.pipeline_arn
        self.stage = (context.stage and context.stage.name) or ""
        self.action = (context.action and context.action.name) or ""
        self.action_execution_id = context.action and context.action.action_execution_id
        self.execution_id = context.pipeline_execution_id

    def _read_configuration(self, given: wire.ActionConfiguration | None) -> None:
        self.configuration = dict((given and given.configuration) or {})
        self.declaration: wire.ActionDeclaration | None = None
        self.overrides: tuple[wire.SourceRevisionOverride, ...] = ()
        self.gate: str | None = None
        self.function: InvokedFunction | None = None
        # Elsewhere the keys are anybody's: the owner of a custom action may call a property what he likes.
        if self.action_type_id is None or self.action_type_id.owner != "AWS":
            return
        if declaration := self.configuration.pop(DECLARATION_KEY, None):
            self.declaration = built(wire.ActionDeclaration, msgspec.json.decode(declaration))
        if overrides := self.configuration.pop(OVERRIDES_KEY, None):
            self.overrides = built(tuple[wire.SourceRevisionOverride, ...], msgspec.json.decode(overrides))
        if function := self.configuration.pop(FUNCTION_KEY, None):
            self.function = msgspec.json.decode(function, type=InvokedFunction)
        self.gate = self.configuration.pop(GATE_KEY, None)


def _by_name(artifacts: Iterable[wire.Artifact] | None) -> dict[str, wire.Artifact]:
    return {artifact.name: artifact for artifact in artifacts or () if artifact.name}

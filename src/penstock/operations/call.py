"""What an operation is handed: who calls, from where, and what it may use."""

from collections.abc import Callable, Mapping

from msgspec import Struct

from penstock.core.action_types import ActionTypeRules
from penstock.core.model import Head, PipelineVersion
from penstock.engine.committer import Committer
from penstock.operations.polls import Polls
from penstock.ports.artifacts import RoleCredentials, ScopedCredentials
from penstock.ports.backup import Backups
from penstock.ports.clock import Clock, Ids
from penstock.ports.git_host import GitHost
from penstock.ports.identity import Door, Principal
from penstock.ports.secrets import (
    ACCESS_KEY_SECRET,
    CONFIGURATION_SECRET,
    CONNECTION_SECRET,
    CONNECTION_TOKEN,
    WEBHOOK_SECRET,
    WEBHOOK_TOKEN,
    KeyedVault,
)
from penstock.ports.storage import PipelineRow, Reader
from penstock.ports.wakeup import Wakeup
from penstock.wire.errors import AccessDeniedException, PipelineNotFoundException

__all__ = [
    "ACCESS_KEY_SECRET",
    "CONNECTION_SECRET",
    "CONNECTION_TOKEN",
    "WEBHOOK_SECRET",
    "WEBHOOK_TOKEN",
    "Call",
    "Circumstances",
    "Environment",
    "find_pipeline",
    "head_of",
    "no_pipeline",
    "require_root",
    "version_of",
]


class Environment(Struct, frozen=True):
    """What all calls share. `root_url` is where others reach the server; without a `git_host`, none can be asked, and without
    `backups`, none are made. With `outer`, artifacts lie in another store, for which it has the credentials."""

    reader: Reader
    committer: Committer
    wakeup: Wakeup
    clock: Clock
    ids: Ids
    vault: KeyedVault
    credentials: ScopedCredentials
    door: Door
    check_policy: Callable[[str], None]
    action_types: Mapping[str, ActionTypeRules]
    ack_timeout_seconds: float
    continuation_delay_seconds: float
    server_id: str
    polls: Polls
    root_url: str = ""
    git_host: GitHost | None = None
    backups: Backups | None = None
    outer: RoleCredentials | None = None


class Circumstances(Struct, frozen=True):
    """How a request came in; what the client calls itself is as it came."""

    source_ip: str = ""
    is_secure: bool = False
    user_agent: bytes = b""

    def conditions(self, region: str) -> dict[str, str]:
        """What policies may ask of it, by the names of their condition keys."""
        found = {"aws:RequestedRegion": region, "aws:SecureTransport": str(self.is_secure).lower()}
        if self.source_ip:
            found["aws:SourceIp"] = self.source_ip
        if self.user_agent:
            found["aws:UserAgent"] = self.user_agent.decode("latin-1")
        return found


class Call(Struct, frozen=True):
    """One request. `wait_seconds` is how long a poll may be held, `continue_seconds` the pause that a result asks for."""

    principal: Principal
    account: str
    region: str
    environment: Environment
    wait_seconds: float = 0.0
    continue_seconds: float | None = None
    circumstances: Circumstances = Circumstances()

    @property
    def now(self) -> float:
        # A clock that was set back must not hide what was offered before.
        return max(self.environment.clock.now(), self.committer.last_now)

    @property
    def reader(self) -> Reader:
        return self.environment.reader

    @property
    def committer(self) -> Committer:
        return self.environment.committer

    def seal(self, secret: str) -> str:
        return self.environment.vault.seal(secret, CONFIGURATION_SECRET)

    def unseal(self, sealed: str) -> str:
        return self.environment.vault.open(sealed, CONFIGURATION_SECRET)


async def find_pipeline(call: Call, name: str) -> PipelineRow:
    """The caller's pipeline of that name, or PipelineNotFoundException."""
    row = await call.reader.pipeline(call.account, call.region, name)
    if row is None:
        raise no_pipeline(call, name)
    return row


def no_pipeline(call: Call, name: str) -> PipelineNotFoundException:
    return PipelineNotFoundException(f"Account '{call.account}' does not have a pipeline with name '{name}'")


async def version_of(call: Call, row: PipelineRow, number: int | None = None) -> PipelineVersion:
    """That version of a pipeline, or its newest one. PipelineNotFoundException if it was deleted since its row was read."""
    version = await call.reader.version(call.account, row.id, number or row.version)
    if version is None:
        raise no_pipeline(call, row.name)
    return version


async def head_of(call: Call, row: PipelineRow) -> Head:
    """The head of a pipeline. PipelineNotFoundException if it was deleted since its row was read."""
    head = await call.reader.head(call.account, row.id)
    if head is None:
        raise no_pipeline(call, row.name)
    return head


def require_root(call: Call, operation: str) -> None:
    """Return if the server's root calls, else AccessDeniedException."""
    if call.principal.kind != "root":
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: penstock:{operation}: only the server's root may"
        )

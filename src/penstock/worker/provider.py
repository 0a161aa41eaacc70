"""Who does the work of an action type, and how a plain function becomes one."""

import inspect
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from msgspec import Struct

from penstock.wire import types as wire
from penstock.worker.context import JobContext
from penstock.worker.results import Result
from penstock.worker.threads import in_own_thread

JobFunction: TypeAlias = Callable[[JobContext], Awaitable[Result | None] | Result | None]
ClientTokens: TypeAlias = Mapping[str, str] | Callable[[str], str]


class ProviderSettings(Struct, frozen=True):
    """What a built-in provider may use of its host.

    `executor` says where commands run, `work_dir` where jobs put their files, `hidden_dirs` what no command may see.
    """

    executor: Literal["bubblewrap", "process", "off"] = "off"
    work_dir: Path = Path(tempfile.gettempdir())
    hidden_dirs: tuple[Path, ...] = ()


class Provider(Protocol):
    """Does the jobs of its action types; one object does many at a time."""

    @property
    def action_types(self) -> tuple[wire.ActionTypeId, ...]:
        """The types whose jobs it takes."""

    async def run(self, job: JobContext) -> Result | None:
        """Do one job. None is a success with nothing to say; an exception is a failure."""


class FunctionProvider:
    """A function that does the jobs of one action type, made by the decorator `worker`; it can still be called."""

    def __init__(
        self,
        function: JobFunction,
        action_type_id: wire.ActionTypeId,
        query: Mapping[str, str] | None = None,
        client_tokens: ClientTokens | None = None,
    ) -> None:
        self.action_types = (action_type_id,)
        self.query = query
        self.client_tokens = client_tokens
        self._function = function
        self.__doc__ = function.__doc__

    def __call__(self, job: JobContext) -> Any:
        return self._function(job)

    async def run(self, job: JobContext) -> Result | None:
        function: Callable[[JobContext], Any] = self._function
        outcome = function(job) if inspect.iscoroutinefunction(function) else await in_own_thread(function, job)
        result: Result | None = await outcome if inspect.isawaitable(outcome) else outcome
        return result

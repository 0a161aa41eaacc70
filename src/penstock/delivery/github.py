"""GitHub's API, as far as webhooks need it: https://docs.github.com/rest/repos/webhooks."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec

from penstock.ports.git_host import GitHostRefused, Hook

__all__ = ["GitHub"]

# One answer, and all of a registration, which may take two requests.
ANSWER_SECONDS = 10.0
DEADLINE_SECONDS = 15.0
_ANSWER_BYTES_MAX = 256 * 1024
_NOT_FOUND = 404


class _Registered(msgspec.Struct):
    id: int


class _Problem(msgspec.Struct):
    message: str = ""
    errors: list[Any] = []


class _NoRedirects(HTTPRedirectHandler):
    """The owner's token goes to the configured host and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


class GitHub:
    """`root` is the address of the API: https://api.github.com, or an installation's own."""

    def __init__(self, root: str) -> None:
        self._root = root.rstrip("/")
        self._opener = build_opener(_NoRedirects)
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="github")

    async def register(self, hook: Hook) -> str:
        registration: str = await self._in_time(self._register, hook)
        return registration

    async def deregister(self, hook: Hook) -> None:
        await self._in_time(self._deregister, hook)

    async def _in_time(self, work: Any, hook: Hook) -> Any:
        working = asyncio.get_running_loop().run_in_executor(self._threads, work, hook)
        try:
            return await asyncio.wait_for(working, DEADLINE_SECONDS)
        except TimeoutError:
            raise GitHostRefused(f"no answer from {self._root} within {DEADLINE_SECONDS:.0f} seconds") from None

    def _register(self, hook: Hook) -> str:
        config = {"url": hook.url, "content_type": "json", "insecure_ssl": "0"}
        if hook.secret is not None:
            config["secret"] = hook.secret
        wanted = {"active": True, "events": ["push"], "config": config}
        if hook.id is not None:
            status, _ = self._ask("PATCH", hook, f"/{hook.id}", wanted)
            if status != _NOT_FOUND:
                return hook.id
        status, body = self._ask("POST", hook, "", {"name": "web", **wanted})
        if status == _NOT_FOUND:
            raise GitHostRefused(f"{hook.owner}/{hook.repository} does not exist, or the token may not administer it")
        try:
            return str(msgspec.json.decode(body, type=_Registered).id)
        except msgspec.MsgspecError:
            raise GitHostRefused(f"{self._root} answered with what is no webhook") from None

    def _deregister(self, hook: Hook) -> None:
        self._ask("DELETE", hook, f"/{hook.id}", None)

    def _ask(self, method: str, hook: Hook, path: str, body: object) -> tuple[int, bytes]:
        """The status and body of an answer that is good or a 404. Raises GitHostRefused for any other."""
        where = f"{self._root}/repos/{quote(hook.owner, safe='')}/{quote(hook.repository, safe='')}/hooks{path}"
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {hook.token}",
            "Content-Type": "application/json",
            "User-Agent": "penstock",
        }
        sent = msgspec.json.encode(body) if body is not None else None
        request = Request(where, sent, headers, method=method)  # noqa: S310 - the operator has set the address
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
                return answer.status, answer.read(_ANSWER_BYTES_MAX)
        except HTTPError as problem:
            with problem:
                if problem.code == _NOT_FOUND:
                    return _NOT_FOUND, b""
                raise GitHostRefused(f"it answered {problem.code}: {_said(problem.read(_ANSWER_BYTES_MAX))}") from None
        except (URLError, OSError) as problem:
            raise GitHostRefused(f"{self._root} cannot be reached: {problem}") from None


def _said(body: bytes) -> str:
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        return "nothing that explains it"
    errors = [each.get("message", "") for each in problem.errors if isinstance(each, dict)]
    return "; ".join(text for text in (problem.message, *errors) if isinstance(text, str) and text)

"""Whether the server can serve, and what it has done: /_penstock/health and /_penstock/metrics."""

from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from penstock.http.asgi import Receive, Scope, Send, respond
from penstock.wire.errors import ServiceUnavailable

__all__ = ["Metrics", "StatusPages"]


class Metrics:
    """Counts of answers. The hot path only adds one; the rest is worked out when somebody asks."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[str, int]] = Counter()

    def count(self, operation: str, status: int) -> None:
        self.answers[operation, status] += 1


class StatusPages:
    """`is_serving` says whether requests can be carried out, `check` raises ServiceUnavailable if what was committed cannot be
    read; `commits` gives (commits, items committed)."""

    def __init__(
        self,
        version: str,
        metrics: Metrics,
        *,
        is_serving: Callable[[], bool],
        check: Callable[[], Awaitable[None]],
        commits: Callable[[], tuple[int, int]],
    ) -> None:
        self._version = version
        self._metrics = metrics
        self._is_serving = is_serving
        self._check = check
        self._commits = commits

    async def health(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = await self._status()
        body = msgspec.json.encode({"status": status, "version": self._version})
        await respond(send, 200 if status == "ok" else 503, body, b"application/json")

    async def _status(self) -> str:
        if not self._is_serving():
            return "stopping"
        try:
            await self._check()
        except ServiceUnavailable:
            return "without database"
        return "ok"

    async def metrics(self, scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send, 200, self._text(), b"text/plain; version=0.0.4; charset=utf-8")

    def _text(self) -> bytes:
        from prometheus_client import generate_latest
        from prometheus_client.core import CollectorRegistry, CounterMetricFamily, Metric
        from prometheus_client.registry import Collector

        answers = CounterMetricFamily("penstock_answers", "Answers of the API", labels=["operation", "status"])
        for (operation, status), number in self._metrics.answers.items():
            answers.add_metric([operation, str(status)], number)
        commits, items = self._commits()
        families: list[Metric] = [
            answers,
            CounterMetricFamily("penstock_commits", "Transactions on disk", value=commits),
            CounterMetricFamily("penstock_committed_items", "What those transactions carried", value=items),
        ]

        class Counted(Collector):
            def collect(self) -> list[Metric]:
                return families

        registry = CollectorRegistry()
        registry.register(Counted())
        return generate_latest(registry)

"""Wake-ups among servers on one PostgreSQL: at once where one waits, soon at the others, and never the only way to notice."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import pytest

from penstock.wakeup import postgres
from penstock.wakeup.postgres import PAYLOAD_BYTES_MAX, PostgresWakeup

PATIENT_SECONDS = 10.0


def at_two(url: str, check: Callable[[PostgresWakeup, PostgresWakeup], Awaitable[None]]) -> None:
    async def run() -> None:
        one, two = PostgresWakeup(url), PostgresWakeup(url)
        try:
            await settled(one, two)
            await check(one, two)
        finally:
            for each in (one, two):
                each.close()

    asyncio.run(run())


async def settled(one: PostgresWakeup, two: PostgresWakeup) -> None:
    """Return once each hears of what the other one says."""
    for speaker, listener in ((one, two), (two, one)):
        async with asyncio.timeout(PATIENT_SECONDS):
            while not await is_woken(listener, "hello", speaker):
                pass


async def is_woken(listener: PostgresWakeup, topic: str, speaker: PostgresWakeup) -> bool:
    """Whether it is woken by the other one, rather than by itself after a while."""
    waiting = asyncio.create_task(listener.wait((topic,), PATIENT_SECONDS))
    await asyncio.sleep(0)
    began = time.monotonic()
    speaker.wake((topic,))
    assert await waiting
    return time.monotonic() - began < postgres.LOOK_AGAIN_SECONDS * 0.8


def test_who_waits_at_another_server_is_woken_soon(url: str) -> None:
    async def check(one: PostgresWakeup, two: PostgresWakeup) -> None:
        assert await is_woken(two, "jobs:é'\"\\", one)
        assert await is_woken(one, "other", two)

    at_two(url, check)


def test_who_waits_here_is_woken_whatever_the_database_does(tmp_path: Any) -> None:
    async def check() -> None:
        alone = PostgresWakeup(f"postgresql://penstock@/nothing?host={tmp_path}")
        assert await is_woken(alone, "topic", alone)
        alone.close()
        assert not await alone.wait(("topic",), PATIENT_SECONDS)

    asyncio.run(check())


def test_nobody_waits_for_long_without_looking_again(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOOK_AGAIN_SECONDS", 0.05)

    async def check() -> None:
        wakeup = PostgresWakeup(url)
        async with asyncio.timeout(PATIENT_SECONDS / 2):
            assert await wakeup.wait(("never",), PATIENT_SECONDS)
        wakeup.close()

    asyncio.run(check())


def test_lost_connections_come_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "RECONNECT_SECONDS", 0.01)
    monkeypatch.setattr(postgres, "LOOK_AGAIN_SECONDS", 0.2)

    async def check(one: PostgresWakeup, two: PostgresWakeup) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert len(ended) >= 4
        await settled(one, two)

    at_two(url, check)


def test_what_is_no_list_of_topics_wakes_nobody_and_hurts_nobody(url: str) -> None:
    async def check(one: PostgresWakeup, two: PostgresWakeup) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for payload in ("", "{", "7", '{"a": 1}', "[1, null]"):
                connection.execute("SELECT pg_notify('penstock', %s)", (payload,))
        assert await is_woken(two, "after", one)

    at_two(url, check)


def test_many_topics_are_told_in_as_few_notifications_as_hold_them() -> None:
    topics = [f"pipeline:{number:036}" for number in range(1000)]
    payloads = list(postgres._payloads([*topics, "x" * PAYLOAD_BYTES_MAX]))
    assert [topic for payload in payloads for topic in postgres._topics(payload)] == topics
    assert all(len(payload.encode()) <= PAYLOAD_BYTES_MAX for payload in payloads)
    assert len(payloads) == -(-sum(len(json.dumps(topic)) + 2 for topic in topics) // PAYLOAD_BYTES_MAX)

"""A new key takes over what older ones have sealed, and they go when nothing needs them: on a clock moved by hand."""

import asyncio
import base64
import logging
import shutil
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from declarations import action, stage
from engine.house import ACCOUNT, REGION
from engine.vaults import PASSWORD, PLANTED_COUNT, Keyed, check, keyed, plant, update
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.core import limits
from penstock.engine.committer import Written
from penstock.engine.duties.resealing import LOOK_AGAIN_SECONDS
from penstock.ports.secrets import CONFIGURATION_SECRET
from penstock.wire.errors import InvalidNextTokenException

KEY, NEWER = bytes(range(32)), bytes(range(1, 33))


def texts(*keys: bytes) -> str:
    return ",".join(base64.b64encode(key).decode() for key in keys)


def within(folder: Path, course: Callable[[Keyed], Coroutine[Any, Any, None]], environment: str | None = None) -> None:
    async def inside() -> None:
        async with keyed(folder, environment) as made:
            await course(made)

    asyncio.run(inside())


def test_a_new_key_takes_over_all_that_is_at_rest(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        told = await plant(made)
        (old,) = made.sealer.key_ids
        assert await made.counts() == {old: PLANTED_COUNT}
        new = await made.rotate()
        assert await made.counts() == {new: 0, old: PLANTED_COUNT}
        await check(made, told)
        due_at = await made.go_round()
        assert await made.counts() == {new: PLANTED_COUNT, old: 0}
        assert due_at == pytest.approx(made.house.clock.now() + LOOK_AGAIN_SECONDS)
        await check(made, told)
        await update(made)
        assert await made.counts() == {new: PLANTED_COUNT + 1, old: 0}

    within(tmp_path, course)


def test_what_is_new_is_sealed_by_the_new_key_at_once(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        (old,) = made.sealer.key_ids
        new = await made.rotate()
        await plant(made)
        # All but the key of fingerprints, which was there before.
        assert await made.counts() == {new: PLANTED_COUNT - 1, old: 1}

    within(tmp_path, course)


def test_an_old_key_goes_once_its_last_token_has_expired_and_not_before(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        told = await plant(made)
        rotated_at = made.house.clock.now()
        new = await made.rotate()
        for _ in range(2):
            due_at = await made.go_round()
            made.house.clock.move(LOOK_AGAIN_SECONDS)
        assert due_at == rotated_at + limits.TOKEN_SECONDS_MAX
        made.house.clock.at = due_at - 2
        assert await made.go_round() == due_at
        assert len(made.sealer.key_ids) == 2
        made.house.clock.move(2)
        await made.go_round()
        assert made.sealer.key_ids == (new,)
        assert await made.tick() is None
        assert len((tmp_path / "key").read_text().split()) == 1
        await check(made, told)

    within(tmp_path, course)
    # And after it a start, with that key alone.
    within(tmp_path, lambda made: asyncio.sleep(0))


def test_sessions_and_page_tokens_of_the_old_key_stay_good(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await plant(made)
        now = made.house.clock.now()
        sessions = Sessions(made.sealer)
        before = sessions.mint_service(ACCOUNT, REGION, now + 900)
        await made.house.pipeline("other")
        page = await made.house.ask("ListPipelines", maxResults=1)
        await made.rotate()
        await made.go_round()
        opened = sessions.open(before.session_token, before.access_key_id, now)
        assert opened.secret_access_key == before.secret_access_key
        after = sessions.mint_service(ACCOUNT, REGION, now + 900)
        assert sessions.open(after.session_token, after.access_key_id, now).secret_access_key == after.secret_access_key
        following = await made.house.ask("ListPipelines", maxResults=1, nextToken=page["nextToken"])
        assert [each["name"] for each in following["pipelines"]] == ["other"]

    within(tmp_path, course)


def test_a_page_token_is_good_for_a_day(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await made.house.types()
        for name in ("a", "b"):
            await made.house.pipeline(name)
        page = await made.house.ask("ListPipelines", maxResults=1)
        made.house.clock.move(limits.PAGE_TOKEN_SECONDS - 1)
        assert (await made.house.ask("ListPipelines", nextToken=page["nextToken"]))["pipelines"][0]["name"] == "b"
        made.house.clock.move(1)
        with pytest.raises(InvalidNextTokenException, match="has expired: begin the listing anew"):
            await made.house.ask("ListPipelines", nextToken=page["nextToken"])

    within(tmp_path, course)


def test_what_is_told_of_keys_says_since_when_and_until_when(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        began_at = made.house.clock.now()
        (old,) = made.sealer.key_ids
        made.house.clock.move(1000)
        new = await made.rotate()
        told = await made.house.ask("DescribeKeys")
        assert told == {
            "keys": [
                {"keyId": new, "since": began_at + 1000, "sealedCount": 0},
                {
                    "keyId": old,
                    "since": began_at,
                    "sealedCount": 1,
                    "replacedAt": began_at + 1000,
                    "neededUntil": began_at + 1000 + limits.TOKEN_SECONDS_MAX,
                },
            ],
            "heldIn": "KeyFile",
            "isComplete": True,
        }
        for _ in range(2):
            await made.go_round()
            made.house.clock.move(LOOK_AGAIN_SECONDS)
        unused = (await made.house.ask("DescribeKeys"))["keys"][1]
        assert (unused["sealedCount"], unused["unusedSince"]) == (0, began_at + 1000 + LOOK_AGAIN_SECONDS)

    within(tmp_path, course)


def test_a_server_that_ends_anywhere_in_a_round_loses_nothing(tmp_path: Path) -> None:
    told = None

    async def begin(made: Keyed) -> None:
        nonlocal told
        told = await plant(made)

    (tmp_path / "0").mkdir()
    within(tmp_path / "0", begin)
    is_over = False
    ticks = 0
    while not is_over:
        ticks += 1
        folder = tmp_path / str(ticks)
        shutil.copytree(tmp_path / "0", folder)

        async def break_off(made: Keyed, ticks: int = ticks) -> None:
            nonlocal is_over
            await made.rotate()
            due = [await made.tick() for _ in range(ticks)]
            is_over = (due[-1] or 0) > made.house.clock.now() + 1

        async def go_on(made: Keyed) -> None:
            assert told is not None
            await check(made, told)
            await made.go_round()
            newest, old = made.sealer.key_ids
            assert await made.counts() == {newest: PLANTED_COUNT, old: 0}
            await check(made, told)

        within(folder, break_off)
        within(folder, go_on)
    assert ticks > 9, "there is a slice for each place"


def test_what_a_slow_request_writes_behind_the_round_is_found_by_the_next_one(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await plant(made)
        (old,) = made.sealer.key_ids
        stale = made.sealer.seal(PASSWORD, CONFIGURATION_SECRET)
        new = await made.rotate()
        await made.go_round()
        await made.house.committer.write(lambda transaction: Written(put_back(transaction, stale)))
        assert (await made.counts())[old] == 1
        # Long after the last token: the key is needed as long as anything is found.
        made.house.clock.move(limits.TOKEN_SECONDS_MAX * 2)
        await made.go_round()
        assert made.sealer.key_ids == (new, old)
        assert (await made.counts())[old] == 0
        made.house.clock.move(LOOK_AGAIN_SECONDS)
        await made.go_round()
        assert made.sealer.key_ids == (new,)

    within(tmp_path, course)


def put_back(transaction: Any, sealed: str) -> None:
    """The version's document as a request that read it long ago would write it."""
    connection = transaction.connection
    (document,) = connection.execute("SELECT document FROM pipeline_versions").fetchone()
    begin = document.index(b"penstock:v1:")
    end = document.index(b'"', begin)
    connection.execute(
        "UPDATE pipeline_versions SET document = ?", (document[:begin] + sealed.encode() + document[end:],)
    )


def test_a_text_that_only_looks_sealed_keeps_no_key(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await made.house.types()
        (old,) = made.sealer.key_ids
        await made.house.ask("CreateCustomActionType", category="Build", provider="Plain", version="1", **plain_type())
        looks_sealed = action("Say", "Build", "Custom", "Plain", {"Text": f"penstock:v1:{old}:AAAA"})
        await made.house.pipeline("line", stage("Build", looks_sealed))
        new = await made.rotate()
        for _ in range(3):
            await made.go_round()
            made.house.clock.move(limits.TOKEN_SECONDS_MAX)
        assert made.sealer.key_ids == (new,)

    within(tmp_path, course)


def plain_type() -> dict[str, Any]:
    plain = {"name": "Text", "required": False, "key": False, "secret": False}
    numbers = {"minimumCount": 0, "maximumCount": 1}
    return {
        "configurationProperties": [plain],
        "inputArtifactDetails": numbers,
        "outputArtifactDetails": numbers,
    }


def test_a_key_that_comes_during_a_round_has_a_round_of_its_own(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await plant(made)
        (first,) = made.sealer.key_ids
        second = await made.rotate()
        for _ in range(4):
            await made.tick()
        third = await made.rotate()
        await made.go_round()
        assert await made.counts() == {third: PLANTED_COUNT, second: 0, first: 0}

    within(tmp_path, course)


def test_a_key_file_that_cannot_be_changed_is_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def course(made: Keyed) -> None:
        new = await made.rotate()
        await made.go_round()
        made.house.clock.move(limits.TOKEN_SECONDS_MAX)
        (tmp_path / "key.new").mkdir()
        with caplog.at_level(logging.WARNING):
            due_at = await made.go_round()
        assert due_at == pytest.approx(made.house.clock.now() + LOOK_AGAIN_SECONDS)
        assert "cannot be dropped" in caplog.text
        (tmp_path / "key.new").rmdir()
        made.house.clock.move(LOOK_AGAIN_SECONDS)
        await made.go_round()
        assert made.sealer.key_ids == (new,)

    within(tmp_path, course)


class TestStarting:
    def test_a_server_that_died_between_file_and_database_knows_both_keys(self, tmp_path: Path) -> None:
        async def die(made: Keyed) -> None:
            await plant(made)
            made.sealer.add_key()

        async def go_on(made: Keyed) -> None:
            await made.go_round()
            new, old = made.sealer.key_ids
            assert await made.counts() == {new: PLANTED_COUNT, old: 0}
            assert {row.id for row in await made.house.storage.reader.sealed.sealing_keys()} == {new, old}

        within(tmp_path, die)
        within(tmp_path, go_on)

    def test_a_server_that_died_between_dropping_a_key_and_noting_it_goes_on(self, tmp_path: Path) -> None:
        async def die(made: Keyed) -> None:
            await plant(made)
            (old,) = made.sealer.key_ids
            await made.rotate()
            for _ in range(2):
                await made.go_round()
                made.house.clock.move(LOOK_AGAIN_SECONDS)
            made.sealer.drop_key(old)

        async def go_on(made: Keyed) -> None:
            assert await made.counts() == {made.sealer.key_id: PLANTED_COUNT}
            assert [row.id for row in await made.house.storage.reader.sealed.sealing_keys()] == [made.sealer.key_id]

        within(tmp_path, die)
        within(tmp_path, go_on)

    def test_a_key_that_is_still_needed_is_asked_for(self, tmp_path: Path) -> None:
        within(tmp_path, give_up_after_planting, texts(KEY))
        with pytest.raises(ValueError, match=f"under key {Sealer(KEY).key_id}, and PENSTOCK_KEY has") as refused:
            within(tmp_path, give_up_after_planting, texts(NEWER))
        assert texts(KEY) not in str(refused.value)
        assert texts(NEWER) not in str(refused.value)

    def test_given_keys_take_over_at_the_next_start_and_may_be_left_out_when_nothing_needs_them(
        self, tmp_path: Path
    ) -> None:
        told = None

        async def begin(made: Keyed) -> None:
            nonlocal told
            told = await plant(made)

        async def take_over(made: Keyed) -> None:
            assert await made.counts() == {Sealer(NEWER).key_id: 0, Sealer(KEY).key_id: PLANTED_COUNT}
            for _ in range(2):
                await made.go_round()
                made.house.clock.move(limits.TOKEN_SECONDS_MAX)
            assert await made.counts() == {Sealer(NEWER).key_id: PLANTED_COUNT, Sealer(KEY).key_id: 0}

        async def go_on(made: Keyed) -> None:
            assert told is not None
            await check(made, told)

        within(tmp_path, begin, texts(KEY))
        within(tmp_path, take_over, texts(NEWER, KEY))
        within(tmp_path, go_on, texts(NEWER))

    def test_hashes_of_a_database_from_before_are_recognised(self, tmp_path: Path) -> None:
        """The key of its fingerprints is the one that the oldest key gives."""

        async def course(made: Keyed) -> None:
            assert made.sealer.fingerprint("token") == Sealer(KEY).fingerprint("token")

        within(tmp_path, course, texts(NEWER, KEY))
        within(tmp_path, course, texts(NEWER, KEY))


async def give_up_after_planting(made: Keyed) -> None:
    await plant(made)


def test_without_an_older_key_there_is_nothing_to_do(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await plant(made)
        commits = made.house.committer.commits
        assert await made.tick() is None
        assert made.house.committer.commits == commits

    within(tmp_path, course)


def test_a_long_history_is_gone_through_in_many_small_transactions(tmp_path: Path) -> None:
    async def course(made: Keyed) -> None:
        await plant(made)

        def multiply(transaction: Any) -> None:
            transaction.connection.execute(
                "WITH RECURSIVE counted (n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM counted WHERE n < 999)"
                " INSERT INTO action_executions (account, pipeline_id, execution_number, number, id, execution_id, version,"
                " stage, action, status, input, run)"
                " SELECT account, pipeline_id, execution_number, n, n, execution_id, version, stage, action, status, input,"
                " run FROM action_executions, counted WHERE action = 'Keep'"
            )

        await made.house.committer.write(lambda transaction: Written(multiply(transaction)))
        (old,) = made.sealer.key_ids
        new = await made.rotate()
        commits = made.house.committer.commits
        await made.go_round()
        assert await made.counts() == {new: PLANTED_COUNT + 990, old: 0}
        # Ten slices of history, eight other places, and the note at the end.
        assert made.house.committer.commits - commits > 10

    within(tmp_path, course)

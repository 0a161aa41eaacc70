"""Client tokens come and go on a clock moved by hand: what each of them opens, and what is told of them."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from declarations import action, stage
from engine.house import House
from engine.test_timers import passes, refusal, within
from operations.partner import declaration

PARTNER = {"provider": "Partner", "version": "1"}
OPEN, REFUSED = "open", "InvalidClientTokenException"


class Client:
    """An account that is linked to a partner, and an open job of its."""

    def __init__(self, inside: House) -> None:
        self.inside = inside

    async def begin(self) -> str:
        """The first token."""
        declared = declaration("Partner")
        await self.inside.ask("RegisterPartnerActionType", actionType=declared)
        token = await self.link()
        await self.inside.pipeline("line", stage("Check", action("Check", "Test", "ThirdParty", "Partner")))
        await self.inside.work()
        (job,) = (await self.inside.ask("PollForThirdPartyJobs", actionTypeId=declared["id"]))["jobs"]
        self.client_id, self.job_id = job["clientId"], job["jobId"]
        return token

    async def link(self) -> str:
        token: str = (await self.inside.ask("LinkPartner", **PARTNER))["clientToken"]
        return token

    async def rotate(self, **more: Any) -> str:
        self.rotated = await self.inside.ask("RotatePartnerToken", **PARTNER, **more)
        assert self.rotated["clientId"] == self.client_id
        token: str = self.rotated["clientToken"]
        return token

    async def says(self, *tokens: str) -> list[str]:
        return [await self._says(token) for token in tokens]

    async def _says(self, token: str) -> str:
        given = {"jobId": self.job_id, "clientToken": token}
        try:
            await self.inside.ask("GetThirdPartyJobDetails", **given)
        except Exception:
            return await refusal(self.inside.ask("GetThirdPartyJobDetails", **given))
        return OPEN

    async def listed(self) -> list[dict[str, float]]:
        """What is told of the link's tokens, and the times in it counted from now."""
        (link,) = (await self.inside.ask("ListPartners"))["links"]
        assert (link["provider"], link["version"], link["clientId"]) == ("Partner", "1", self.client_id)
        now = self.inside.clock.now()
        return [{name: at - now for name, at in token.items()} for token in link["tokens"]]


def linked(folder: Path, check: Callable[[Client, str], Coroutine[Any, Any, None]]) -> None:
    async def inside_a_house(inside: House) -> None:
        client = Client(inside)
        await check(client, await client.begin())

    within(folder, inside_a_house)


def test_both_tokens_open_the_job_during_the_overlap_and_then_the_new_one_alone(tmp_path: Path) -> None:
    async def check(client: Client, old: str) -> None:
        new = await client.rotate(overlapSeconds=60)
        assert client.rotated["previousTokenValidUntil"] == client.inside.clock.now() + 60
        client.inside.clock.move(59)
        assert await client.says(old, new) == [OPEN, OPEN]
        assert await client.listed() == [{"createdAt": -59, "validUntil": 1}, {"createdAt": -59}]
        client.inside.clock.move(1)
        assert await client.says(old, new) == [REFUSED, OPEN]
        assert await client.listed() == [{"createdAt": -60}]

    linked(tmp_path, check)


def test_an_overlap_that_nobody_names_is_an_hour(tmp_path: Path) -> None:
    async def check(client: Client, old: str) -> None:
        await client.rotate()
        client.inside.clock.move(3599)
        assert await client.says(old) == [OPEN]
        client.inside.clock.move(1)
        assert await client.says(old) == [REFUSED]

    linked(tmp_path, check)


def test_without_an_overlap_the_old_token_ends_at_once(tmp_path: Path) -> None:
    async def check(client: Client, old: str) -> None:
        new = await client.rotate(overlapSeconds=0)
        assert client.rotated["previousTokenValidUntil"] == client.inside.clock.now()
        assert await client.says(old, new) == [REFUSED, OPEN]

    linked(tmp_path, check)


def test_a_second_rotation_ends_the_oldest_token_at_once(tmp_path: Path) -> None:
    async def check(client: Client, first: str) -> None:
        second = await client.rotate(overlapSeconds=600)
        client.inside.clock.move(10)
        third = await client.rotate(overlapSeconds=60)
        assert await client.says(first, second, third) == [REFUSED, OPEN, OPEN]
        client.inside.clock.move(60)
        assert await client.says(first, second, third) == [REFUSED, REFUSED, OPEN]

    linked(tmp_path, check)


def test_linking_again_ends_all_tokens_also_those_in_an_overlap(tmp_path: Path) -> None:
    async def check(client: Client, first: str) -> None:
        second = await client.rotate()
        third = await client.link()
        assert await client.says(first, second, third) == [REFUSED, REFUSED, OPEN]

    linked(tmp_path, check)


@pytest.mark.parametrize("again", ["rotate", "link"])
def test_a_revocation_ends_all_tokens_and_another_one_opens_the_same_job(tmp_path: Path, again: str) -> None:
    async def check(client: Client, first: str) -> None:
        second = await client.rotate()
        assert await client.inside.ask("RevokePartner", **PARTNER) == {"clientId": client.client_id}
        assert await client.says(first, second) == [REFUSED, REFUSED]
        assert await client.listed() == []
        third = await (client.rotate() if again == "rotate" else client.link())
        assert again == "link" or "previousTokenValidUntil" not in client.rotated
        assert await client.says(first, second, third) == [REFUSED, REFUSED, OPEN]

    linked(tmp_path, check)


def test_the_jobs_of_a_revoked_client_stay_until_their_time_is_over_and_say_why(tmp_path: Path) -> None:
    async def check(client: Client, token: str) -> None:
        inside = client.inside
        (before,) = (await inside.ask("ExplainPipeline", name="line"))["waits"]
        await inside.ask("RevokePartner", **PARTNER)
        (wait,) = (await inside.ask("ExplainPipeline", name="line"))["waits"]
        new = [hint for hint in wait["hints"] if hint not in before["hints"]]
        assert any("has no valid client token" in hint and "penstock partner rotate" in hint for hint in new)
        await passes(inside, 86_400 - 1)
        assert await inside.statuses() == ["InProgress"]
        await passes(inside, 1)
        assert await inside.statuses() == ["Failed"]

    linked(tmp_path, check)


def test_what_is_listed_holds_neither_a_token_nor_its_hash(tmp_path: Path) -> None:
    async def check(client: Client, first: str) -> None:
        second = await client.rotate()
        told = msgspec.json.encode(await client.inside.ask("ListPartners")).decode()
        stored = client.inside.storage.reading.execute("SELECT token_hash FROM client_tokens").fetchall()
        assert len(stored) == 2
        for secret in (first, second, *(hashed.hex() for (hashed,) in stored)):
            assert secret not in told

    linked(tmp_path, check)


def test_a_link_that_there_is_not_can_be_neither_rotated_nor_revoked(tmp_path: Path) -> None:
    async def check(inside: House) -> None:
        await inside.ask("RegisterPartnerActionType", actionType=declaration("Partner"))
        for operation in ("RotatePartnerToken", "RevokePartner"):
            assert await refusal(inside.ask(operation, **PARTNER)) == "ResourceNotFoundException"
        assert (await inside.ask("ListPartners"))["links"] == []

    within(tmp_path, check)


def test_tokens_outlive_the_process_that_made_them(tmp_path: Path) -> None:
    kept: dict[str, Any] = {}

    async def rotate(client: Client, old: str) -> None:
        kept.update(job_id=client.job_id, tokens=(old, await client.rotate(overlapSeconds=60)))

    async def look(inside: House) -> None:
        client = Client(inside)
        client.job_id = kept["job_id"]
        assert await client.says(*kept["tokens"]) == [OPEN, OPEN]
        inside.clock.move(60)
        assert await client.says(*kept["tokens"]) == [REFUSED, OPEN]

    linked(tmp_path, rotate)
    within(tmp_path, look)

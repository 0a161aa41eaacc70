"""Which of several servers does what one alone need do, and the secrets that all have in common."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from penstock.auth.key_file import open_sealer
from penstock.storage.postgres.adapter import PostgresStorage
from penstock.storage.postgres.server_secrets import PostgresKeys, ServerSecrets
from storage.servers import Pair

CONTEXT = b"configuration"


def keys(url: str) -> PostgresKeys:
    return PostgresKeys(ServerSecrets(url))


class TestLeading:
    def test_the_first_leads_until_its_time_is_over(self, pair: Pair) -> None:
        async def course() -> list[bool]:
            one, two = pair.one.storage, pair.two.storage
            return [
                await one.lead("sweep", 0.0, 30.0),
                await two.lead("sweep", 15.0, 45.0),
                await one.lead("sweep", 15.0, 45.0),
                await two.lead("sweep", 31.0, 61.0),
                await two.lead("sweep", 46.0, 76.0),
                await one.lead("sweep", 47.0, 77.0),
            ]

        assert pair.one.read(course()) == [True, False, True, False, True, False]

    def test_another_duty_has_another_leader(self, pair: Pair) -> None:
        async def course() -> list[bool]:
            one, two = pair.one.storage, pair.two.storage
            return [await one.lead("sweep", 0.0, 30.0), await two.lead("leases", 0.0, 30.0)]

        assert pair.one.read(course()) == [True, True]

    def test_of_two_who_ask_at_once_one_leads(self, pair: Pair) -> None:
        async def course() -> list[bool]:
            return list(await asyncio.gather(*(each.storage.lead("sweep", 0.0, 30.0) for each in (pair.one, pair.two))))

        assert sorted(pair.one.read(course())) == [False, True]

    def test_who_leaves_lets_another_lead_at_once(self, url: str) -> None:
        async def course() -> list[bool]:
            one, two = PostgresStorage(url), PostgresStorage(url)
            led = [await one.lead("sweep", 0.0, 30.0), await two.lead("sweep", 1.0, 31.0)]
            await one.close()
            led.append(await two.lead("sweep", 1.0, 31.0))
            await two.close()
            return led

        assert asyncio.run(course()) == [True, False, True]


class TestKeys:
    def test_servers_that_start_at_once_on_an_empty_database_get_one_key(self, url: str) -> None:
        with ThreadPoolExecutor(8) as threads:
            found = list(threads.map(lambda _: keys(url).load(), range(8)))
        assert len(found[0]) == 1
        assert found == [found[0]] * 8

    def test_a_text_under_a_key_that_another_server_has_just_made_opens(self, url: str) -> None:
        one, two = open_sealer(keys(url), None), open_sealer(keys(url), None)
        two._looked_at -= 60.0
        old = one.key_id
        one.add_key()
        assert two.key_id == old
        assert two.open(one.seal("text", CONTEXT), CONTEXT) == "text"
        assert two.key_ids == one.key_ids

    def test_what_is_no_key_at_all_is_not_looked_for_again_and_again(self, url: str) -> None:
        sealer = open_sealer(keys(url), None)
        stranger = open_sealer(keys(url), "bm90IHRoZSBrZXkgb2YgdGhpcyBpbnN0YWxsYXRpb24=").seal("text", CONTEXT)
        looked_at = sealer._looked_at
        for _ in range(3):
            with pytest.raises(ValueError, match="this server has"):
                sealer.open(stranger, CONTEXT)
        assert sealer._looked_at == looked_at

    def test_a_key_that_was_dropped_is_forgotten_by_all(self, url: str) -> None:
        one, two = open_sealer(keys(url), None), open_sealer(keys(url), None)
        old = one.key_id
        new = one.add_key()
        two.refresh()
        assert two.key_ids == (new, old)
        two.drop_key(old)
        one.refresh()
        assert one.key_ids == (new,) == open_sealer(keys(url), None).key_ids

    def test_keys_that_two_servers_make_at_once_are_both_kept(self, url: str) -> None:
        sealers = [open_sealer(keys(url), None) for _ in range(4)]
        with ThreadPoolExecutor(4) as threads:
            made = set(threads.map(lambda sealer: sealer.add_key(), sealers))
        assert made < set(open_sealer(keys(url), None).key_ids)
        assert len(made) == 4

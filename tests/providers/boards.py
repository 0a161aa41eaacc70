"""A board in memory: what a test puts on it is polled, what a worker reports stays there to be looked at."""

import asyncio
import itertools

from penstock.wire import errors
from penstock.wire import types as wire
from penstock.worker import Offer
from penstock.worker.board import ObjectStore

BUILD = wire.ActionTypeId(category="Build", owner="Custom", provider="Test", version="1")
NUMBERS = itertools.count(1)


def offer(**members):
    """An offer with only what the test cares for."""
    number = next(NUMBERS)
    details = {"action_type_id": BUILD, **members}
    return Offer(
        id=f"00000000-0000-0000-0000-{number:012}",
        nonce=f"nonce-{number}",
        account="123456789012",
        region="us-east-1",
        data=wire.JobData(**details),
    )


def configured(**configuration):
    return wire.ActionConfiguration(configuration={key.replace("__", ":"): text for key, text in configuration.items()})


class MemoryBoard:
    """Holds polls back until there are offers, as a server of ours does.

    `troubles` are raised instead of an answer, those of a poll, a claim or a report each in turn; `taken` are ids that
    another worker has.
    """

    def __init__(self, *offers, endpoint_url=None, troubles=None, taken=(), service=None):
        self.endpoint_url = endpoint_url
        self.object_store = ObjectStore(endpoint_url)
        self.offers = list(offers)
        self.asked = []
        self.polls = []
        self.acknowledged = []
        self.results = {}
        self.logged = {}
        self.troubles = troubles or {}
        self.taken = set(taken)
        self.service = service
        self._changed = asyncio.Event()

    def post(self, *offers):
        self.offers += offers
        self._changed.set()

    async def result_of(self, offer):
        """The result of that offer's job, once it has been reported."""
        async with asyncio.timeout(10):
            while offer.id not in self.results:
                self._changed.clear()
                await self._changed.wait()
        return self.results[offer.id]

    async def poll(self, action_type_id, max_jobs, wait_seconds, query=None):
        self.polls.append((action_type_id, max_jobs, query))
        self._trouble("poll")
        deadline = asyncio.get_running_loop().time() + wait_seconds
        while not (mine := [each for each in self.offers if each.data.action_type_id == action_type_id]):
            self._changed.clear()
            async with asyncio.timeout_at(deadline):
                await self._changed.wait()
        handed = mine[:max_jobs]
        self.offers = [each for each in self.offers if each not in handed]
        return handed

    async def acknowledge(self, offer):
        self._trouble("claim")
        self.acknowledged.append(offer.id)
        return offer.id not in self.taken

    async def credentials(self, offer):
        self.asked.append(offer.id)
        return offer.data.artifact_credentials

    async def service_credentials(self, offer, service):
        return self.service

    async def succeed(self, offer, result):
        self._report(offer, result)

    async def fail(self, offer, result):
        self._report(offer, result)

    async def log(self, offer, text):
        self.logged[offer.id] = self.logged.get(offer.id, "") + text

    def _report(self, offer, result):
        self._trouble("report")
        if offer.id in self.results:
            raise errors.InvalidJobStateException
        self.results[offer.id] = result
        self._changed.set()

    def _trouble(self, call):
        if waiting := self.troubles.get(call):
            raise waiting.pop(0)

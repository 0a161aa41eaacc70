"""The work of a rule by itself: a provider, a job at a gate, and what comes of it."""

import asyncio

from penstock.wire import types as wire
from penstock.worker import Failure, JobContext, JobError, ProviderSettings
from providers.boards import MemoryBoard, offer


def rule_offer(provider, configuration, gate="beforeEntry", **members):
    """An offer of a rule's job, with what the server tells only built-in workers."""
    kind = provider.action_types[-1]
    told = wire.ActionConfiguration(configuration={**configuration, "penstock:gate": gate})
    return offer(action_type_id=kind, action_configuration=told, **members)


def outcome(provider, configuration, gate="beforeEntry", **members):
    """What the rule's job comes to; a JobError is the failure that it stands for."""

    async def go():
        made = provider(ProviderSettings()) if isinstance(provider, type) else provider
        try:
            return await made.run(JobContext(rule_offer(made, configuration, gate, **members), MemoryBoard()))
        except JobError as error:
            return error.failure

    return asyncio.run(go())


def failed(result):
    """Kind and text of a failure."""
    assert isinstance(result, Failure), result
    return result.type, result.message

"""Write a job worker in ten lines.

    from penstock.worker import Success, worker

    @worker(category="Build", provider="MyBuilder", version="1")
    async def build(job):
        await job.artifacts.extract("Source", folder)
        ...
        await job.artifacts.publish("Built", folder)
        return Success(summary="built")

`penstock worker run module:build` runs it, against penstock or AWS itself.
"""

from penstock.worker.board import Board, HttpBoard, Offer, ThirdPartyBoard
from penstock.worker.context import JobContext
from penstock.worker.provider import FunctionProvider, Provider, ProviderSettings
from penstock.worker.reading import declared_rule, declared_type, polled_type
from penstock.worker.results import (
    Continue,
    Failure,
    HandedOver,
    JobError,
    Result,
    Success,
    failure_input,
    success_input,
)
from penstock.worker.running import run, run_worker
from penstock.worker.worker import Worker, worker

__all__ = [
    "Board",
    "Continue",
    "Failure",
    "FunctionProvider",
    "HandedOver",
    "HttpBoard",
    "JobContext",
    "JobError",
    "Offer",
    "Provider",
    "ProviderSettings",
    "Result",
    "Success",
    "ThirdPartyBoard",
    "Worker",
    "declared_rule",
    "declared_type",
    "failure_input",
    "polled_type",
    "run",
    "run_worker",
    "success_input",
    "worker",
]

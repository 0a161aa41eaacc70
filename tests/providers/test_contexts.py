"""What a provider is told of its job."""

import asyncio

import msgspec
import pytest

from penstock.wire import types as wire
from penstock.worker import JobContext
from penstock.worker.credentials import renewal
from providers.boards import MemoryBoard, configured, offer

COMMANDS = wire.ActionTypeId(category="Compute", owner="AWS", provider="Commands", version="1")
CREDENTIALS = wire.AWSSessionCredentials(access_key_id="A", secret_access_key="hidden", session_token="token")


def context(board=None, **members):
    async def go():
        return JobContext(offer(**members), board or MemoryBoard())

    return asyncio.run(go())


def test_a_built_in_action_learns_its_declaration_beside_its_configuration():
    declared = wire.ActionDeclaration(
        name="Build",
        action_type_id=COMMANDS,
        commands=("echo " + "x" * 2000,),
        environment_variables=(wire.EnvironmentVariable(name="A", value="two\nlines"),),
        timeout_in_minutes=7,
    )
    override = wire.SourceRevisionOverride(
        action_name="Build", revision_type="S3_OBJECT_VERSION_ID", revision_value="v"
    )
    job = context(
        action_type_id=COMMANDS,
        action_configuration=configured(
            Plain="1",
            penstock__declaration=msgspec.json.encode(declared).decode(),
            penstock__overrides=msgspec.json.encode([override]).decode(),
        ),
    )
    assert job.declaration == declared
    assert job.overrides == (override,)
    assert job.configuration == {"Plain": "1"}


def test_the_job_of_a_rule_says_at_which_gate_it_stands():
    rule = wire.ActionTypeId(category="Rule", owner="AWS", provider="LambdaInvoke", version="1")
    told = configured(FunctionName="f", penstock__gate="onFailure")
    job = context(action_type_id=rule, action_configuration=told)
    assert (job.gate, job.configuration) == ("onFailure", {"FunctionName": "f"})
    assert job.details().action_configuration == configured(FunctionName="f")
    assert context(action_configuration=configured(penstock__gate="mine")).gate is None


def test_a_custom_actions_configuration_is_its_own_whatever_its_keys():
    job = context(action_configuration=configured(penstock__declaration="mine"))
    assert job.configuration == {"penstock:declaration": "mine"}
    assert job.declaration is None


def test_a_job_that_says_little_leaves_the_rest_empty():
    job = context()
    assert (job.pipeline, job.stage, job.action, job.execution_id) == ("", "", "", None)
    assert (job.inputs, job.outputs, job.configuration, job.secrets()) == ({}, {}, {}, ())


def test_the_jobs_own_credentials_are_secrets():
    assert context(artifact_credentials=CREDENTIALS).secrets() == ("hidden", "token")


def test_a_log_that_cannot_be_written_fails_nothing_and_is_not_tried_again():
    class Deaf(MemoryBoard):
        calls = 0

        async def log(self, offer, text):
            self.calls += 1
            raise ConnectionError

    async def go():
        board = Deaf()
        job = JobContext(offer(), board)
        await job.log("one\n")
        await job.log("two\n")
        return board.calls

    assert asyncio.run(go()) == 1


def test_a_long_log_goes_in_pieces():
    async def go():
        board = MemoryBoard()
        told = offer()
        await JobContext(told, board).log("ü" * 300_000)
        return board.logged[told.id]

    assert asyncio.run(go()) == "ü" * 300_000


def test_credentials_are_renewed_from_a_thread_but_never_by_blocking_the_loop():
    async def go():
        board = MemoryBoard()
        told = offer(artifact_credentials=CREDENTIALS)
        renew = renewal(lambda: board.credentials(told))
        assert (await asyncio.to_thread(renew))["secret_key"] == "hidden"
        with pytest.raises(RuntimeError, match="own thread"):
            renew()
        return board.asked, told.id

    asked, job_id = asyncio.run(go())
    assert asked == [job_id]

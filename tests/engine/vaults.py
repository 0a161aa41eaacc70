"""A house whose secrets are sealed by keys that can be replaced, with one of each kind of secret in it."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from declarations import action, custom_type, pipeline, stage
from engine.house import ACCOUNT, REGION, House, house
from operations.partner import declaration
from penstock.auth.key_file import open_sealer
from penstock.auth.seal import Sealer
from penstock.auth.sessions import Sessions
from penstock.engine.duties.resealing import Resealing
from penstock.operations import connections, receiving
from penstock.ports.secrets import ACCESS_KEY_SECRET, CONNECTION_SECRET, WEBHOOK_SECRET

PASSWORD, HOOK_SECRET = "the worker's password", "the git host's secret"
ROUND_TICKS_MAX = 100
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/one"


class Keyed:
    """A house, its sealer, and the duty that seals anew."""

    def __init__(self, inside: House, sealer: Sealer) -> None:
        environment = replace(inside.call.environment, vault=sealer, credentials=Sessions(sealer))
        inside.call = replace(inside.call, environment=environment)
        self.house, self.sealer = inside, sealer
        self.duty = Resealing(inside.storage.reader.sealed, inside.committer, sealer)

    async def rotate(self) -> str:
        key_id: str = (await self.house.ask("RotateKey"))["keyId"]
        return key_id

    async def tick(self) -> float | None:
        return await self.duty.tick(self.house.clock.now())

    async def go_round(self) -> float | None:
        """Ticks until nothing is due for a while; returns when something is."""
        for _ in range(ROUND_TICKS_MAX):
            due_at = await self.tick()
            if due_at is None or due_at > self.house.clock.now() + 1:
                return due_at
        raise AssertionError(f"no end after {ROUND_TICKS_MAX} slices")

    async def counts(self) -> dict[str, int]:
        """How much each key seals, by its id, newest first."""
        found = (await self.house.ask("DescribeKeys"))["keys"]
        return {key["keyId"]: key["sealedCount"] for key in found}


@contextlib.asynccontextmanager
async def keyed(folder: Path, environment_value: str | None = None) -> AsyncIterator[Keyed]:
    """Opens what is in the folder, as a server does that starts."""
    async with house(folder) as inside:
        made = Keyed(inside, open_sealer(folder / "key", environment_value))
        await made.duty.prepare(inside.clock.now())
        yield made


class Planted:
    """What was told of the secrets when they were made."""

    access_key_id: str
    access_key_secret: str
    hook_url: str
    connection_url: str
    connection_secret: str
    client_token: str


async def plant(made: Keyed) -> Planted:
    """A pipeline with a secret, its execution waiting for the worker that needs it, and all else that is sealed or hashed."""
    told, ask = Planted(), made.house.ask
    secret = {"name": "Password", "required": True, "key": False, "secret": True}
    await made.house.types()
    await ask("CreateCustomActionType", **{**custom_type("Keeper"), "configurationProperties": [secret]})
    keep = action("Keep", "Build", "Custom", "Keeper", {"Password": PASSWORD})
    await made.house.pipeline("line", stage("Build", keep))
    await made.house.work()
    policy = '{"Version": "2012-10-17", "Statement": []}'
    principal = await ask("CreatePrincipal", name="somebody", policy=policy)
    told.access_key_id, told.access_key_secret = principal["accessKeyId"], principal["secretAccessKey"]
    told.hook_url = (await ask("PutWebhook", webhook=_webhook()))["webhook"]["url"]
    connected = await ask("ConnectRepository", connectionArn=CONNECTION, provider="GitHub")
    told.connection_url, told.connection_secret = connected["url"], connected["secret"]
    await ask("RegisterPartnerActionType", actionType=declaration("Vendor"))
    told.client_token = (await ask("LinkPartner", provider="Vendor", version="1"))["clientToken"]
    return told


# Two of the webhook, two of the connection; the password in the version, in the job, and in the history; a principal's; and
# the key of fingerprints.
PLANTED_COUNT = 9


def _webhook() -> dict[str, Any]:
    return {
        "name": "hook",
        "targetPipeline": "line",
        "targetAction": "Pull",
        "filters": [{"jsonPath": "$.ref"}],
        "authentication": "GITHUB_HMAC",
        "authenticationConfiguration": {"SecretToken": HOOK_SECRET},
    }


async def check(made: Keyed, told: Planted) -> None:
    """Everything is what it was: for workers, for principals, for git hosts, for partners."""
    inside = made.house
    inside.clock.move(61)
    (job,) = await inside.poll("Keeper")
    assert job["data"]["actionConfiguration"]["configuration"] == {"Password": PASSWORD}
    key = await inside.storage.reader.principals.access_key(told.access_key_id)
    assert key is not None
    assert made.sealer.open(key.secret, ACCESS_KEY_SECRET) == told.access_key_secret
    environment = inside.call.environment
    hook = await receiving.find(told.hook_url.rpartition("/")[2], environment)
    assert hook is not None
    assert hook.secret is not None
    assert made.sealer.open(hook.secret, WEBHOOK_SECRET) == HOOK_SECRET
    assert [each["url"] for each in (await inside.ask("ListWebhooks"))["webhooks"]] == [told.hook_url]
    connection = await connections.find(told.connection_url.rpartition("/")[2], environment)
    assert connection is not None
    assert made.sealer.open(connection.secret, CONNECTION_SECRET) == told.connection_secret
    # The mask stands for the password that is stored.
    shown = (await inside.ask("GetPipeline", name="line"))["pipeline"]
    assert shown["stages"][1]["actions"][0]["configuration"] == {"Password": "****"}


async def update(made: Keyed, name: str = "line") -> None:
    """The next version, its password taken over from the one before."""
    declared = pipeline(name, *(await made.house.ask("GetPipeline", name=name))["pipeline"]["stages"])
    await made.house.ask("UpdatePipeline", pipeline=declared)

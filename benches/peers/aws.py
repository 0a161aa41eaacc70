"""Other servers that answer AWS's calls: moto and ministack. Both keep what they know in memory alone."""

import asyncio
import os
import re
import urllib.parse
import urllib.request
from pathlib import Path

from benches.client import Keys
from benches.processes import SERVER_CORE, Failed, free_port, pinned
from benches.servers import Caller, Measured, declaration

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
PIPELINES = 100
TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"codepipeline.amazonaws.com"}}]}'
)


def moto(programs: Path) -> Measured:
    """With as many pipelines as are asked for at once; it wants a role that is there."""
    port = free_port()
    command = pinned(SERVER_CORE, str(programs / "moto_server"), "-H", "127.0.0.1", "-p", str(port))
    server = Measured("moto", command, port, KEYS)
    role = _made_role(port)
    requests = [declaration(f"p{number:04}", role) for number in range(PIPELINES)]
    asyncio.run(Caller(server).calls("CreatePipeline", requests, is_kept=False))
    return server


def _made_role(port: int) -> str:
    form = {"Action": "CreateRole", "Version": "2010-05-08", "RoleName": "r", "AssumeRolePolicyDocument": TRUST}
    credential = f"{KEYS.access_key_id}/20260101/us-east-1/iam/aws4_request"
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/",
        urllib.parse.urlencode(form).encode(),
        {"Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=a"},
    )
    with urllib.request.urlopen(request) as answer:
        found = re.search(r"<Arn>(.*?)</Arn>", answer.read().decode())
    if found is None:
        raise Failed("moto made no role")
    return found.group(1)


def ministack(programs: Path, folder: Path) -> Measured:
    """It has no CodePipeline; its queues are what is asked."""
    port = free_port()
    told = {"GATEWAY_PORT": str(port), "EDGE_PORT": str(port), "MINISTACK_HOST": "127.0.0.1", "LOG_LEVEL": "ERROR"}
    command = pinned(SERVER_CORE, str(programs / "ministack"))
    return Measured("ministack", command, port, KEYS, environment={**os.environ, **told}, folder=folder)

"""A bare handler on the same ASGI server: reads the body, parses it, answers a fixed text. `python -m benches.bare PORT`."""

import sys
from typing import Any

import msgspec
import uvicorn

BODY = b'{"jobs":[]}'
HEADERS = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    msgspec.json.decode(body)
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        lifespan="off",
    )

"""A server that is to end soon: it serves on, and its answers end their connections."""

import asyncio

from ports import CALL, Port

GET = b"GET /%b HTTP/1.1\r\nhost: h\r\n\r\n"


async def answer(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head.lower(), await reader.readexactly(length)


def run(work):
    async def served():
        async with Port() as port:
            return await asyncio.wait_for(work(port), 10)

    return asyncio.run(served())


def test_a_connection_ends_with_its_next_answer_and_says_so():
    async def work(port):
        reader, writer = await port.connect()
        for asked in (CALL % (1, b"a"), GET % b""):
            writer.write(asked)
            assert b"connection: close" not in (await answer(reader))[0]
        port.listener.part()
        writer.write(CALL % (1, b"b"))
        head, body = await answer(reader)
        assert (b"connection: close" in head, body[:1]) == (True, b"b")
        assert await reader.read() == b""
        writer.close()

    run(work)


def test_new_connections_are_served_one_request_each():
    async def work(port):
        port.listener.part()
        for asked in (CALL % (1, b"a"), GET % b""):
            reader, writer = await port.connect()
            writer.write(asked)
            assert b"connection: close" in (await answer(reader))[0]
            assert await reader.read() == b""
            writer.close()

    run(work)


def test_an_answer_that_did_not_say_so_does_not_end_the_connection():
    """Its client may have sent the next request already."""

    async def work(port):
        reader, writer = await port.connect()
        writer.write(GET % b"many")
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"connection: close" not in head.lower()
        port.listener.part()
        while await reader.readuntil(b"\r\n") != b"0\r\n":
            await reader.readuntil(b"\r\n")
        await reader.readuntil(b"\r\n")
        writer.write(CALL % (1, b"b"))
        head, _ = await answer(reader)
        assert b"connection: close" in head
        writer.close()

    run(work)

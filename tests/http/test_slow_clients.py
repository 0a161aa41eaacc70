"""Clients that are slow, that leave, and that are seen off."""

import asyncio
import contextlib

import pytest
import uvloop

from penstock.http.listener import Pace
from ports import CALL, MIB, Port, until


class TestSlowClients:
    def test_each_kind_is_cut_off_and_one_that_is_waited_for_is_not(self):
        pace = Pace(
            head_seconds=0.3,
            silence_seconds=0.3,
            body_seconds=0.3,
            bytes_a_second=MIB,
            write_seconds=0.3,
            idle_seconds=0.3,
        )

        async def run():
            async with Port(pace=pace) as port:
                silent = (
                    b"",
                    b"POST / HT",
                    CALL % (5, b"abc"),
                    b"PUT /size HTTP/1.1\r\nhost: h\r\ncontent-length: 5\r\n\r\nabc",
                    CALL % (1, b"a"),
                )
                clients = [await self.begin(port, message) for message in silent]
                hungry = await self.begin(port, b"GET /many HTTP/1.1\r\nhost: h\r\n\r\n", limit=1024)
                held = CALL.replace(b"host", b"x-penstock-wait-seconds: 20\r\nhost") % (1, b"h")
                patient = await self.begin(port, held)
                ends = [asyncio.wait_for(self.end(reader), 3) for reader in clients]
                await asyncio.gather(*ends)
                await until(lambda: len(port.listener) == 1)
                port.calls.held.set()
                answer = await patient.readuntil(b"h127.0.0.1")
                return hungry, answer

        _, answer = asyncio.run(asyncio.wait_for(run(), 10))
        assert answer.startswith(b"HTTP/1.1 200")

    async def begin(self, port, message, **options):
        reader, writer = await asyncio.open_connection("127.0.0.1", port.number, **options)
        self.writers = [*getattr(self, "writers", []), writer]
        writer.write(message)
        return reader

    async def end(self, reader):
        with contextlib.suppress(ConnectionError):
            while await reader.read(65536):
                pass


class TestFarewells:
    """A client that sends on after its last answer was written sees that answer, and not for ever."""

    @pytest.mark.parametrize("event_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
    def test_a_refused_client_reads_why_though_it_sends_on(self, event_loop):
        async def run():
            async with Port(connections_max=0) as port:
                reader, writer = await port.connect()
                answer = await reader.read(4096)
                for _ in range(64):
                    writer.write(b"x" * 16_384)
                    await writer.drain()
                    await asyncio.sleep(0)
                answer += await reader.read()
                left = len(port.listener)
                writer.close()
                await until(lambda: len(port.listener) == 0)
                return left, answer[:12]

        with asyncio.Runner(loop_factory=event_loop) as runner:
            assert runner.run(asyncio.wait_for(run(), 5)) == (1, b"HTTP/1.1 503")

    # Refused for one connection too many, and for what it sent; of that, a part is still to come.
    REFUSED = pytest.mark.parametrize(
        ("connections_max", "message"),
        [(0, b""), (1, b"PUT /?" + b"a&" * 1000 + b" HTTP/1.1\r\nhost: h\r\ncontent-length: 99999\r\n\r\n")],
    )

    @REFUSED
    def test_one_that_does_not_hang_up_is_cut_off(self, monkeypatch, connections_max, message):
        monkeypatch.setattr("penstock.http.connection.FAREWELL_SECONDS", 0.1)

        async def run():
            async with Port(connections_max=connections_max) as port:
                reader, writer = await port.connect()
                writer.write(message)
                await reader.read()
                while len(port.listener) == 1:
                    writer.write(b"x")
                    await asyncio.sleep(0.01)
                return len(port.listener)

        assert asyncio.run(asyncio.wait_for(run(), 5)) == 0

    @REFUSED
    def test_a_drain_does_not_wait_for_it(self, connections_max, message):
        async def run():
            async with Port(connections_max=connections_max) as port:
                reader, writer = await port.connect()
                writer.write(message)
                await reader.read()
                began = port.listener.now()
                await port.listener.drain(5)
                return port.listener.now() - began

        assert asyncio.run(asyncio.wait_for(run(), 5)) < 1


class TestLeaving:
    def test_a_held_call_is_given_up_when_its_client_goes(self):
        async def run():
            async with Port() as port:
                _, writer = await port.connect()
                writer.write(CALL.replace(b"host", b"x-penstock-wait-seconds: 20\r\nhost") % (1, b"h"))
                await until(lambda: port.calls.begun == 1)
                writer.close()
                await until(lambda: port.calls.cancelled == 1 and len(port.listener) == 0)
                return len(port.listener)

        assert asyncio.run(asyncio.wait_for(run(), 5)) == 0

    def test_a_drain_ends_idle_connections_and_lets_the_busy_be_answered(self):
        async def run():
            async with Port() as port:
                idle, _ = await port.connect()
                busy, writer = await port.connect()
                writer.write(CALL.replace(b"host", b"x-penstock-wait-seconds: 20\r\nhost") % (1, b"h"))
                await until(lambda: port.calls.begun == 1)
                draining = asyncio.create_task(port.listener.drain(5))
                assert await idle.read() == b""
                port.calls.held.set()
                answer = await busy.read()
                await draining
                with pytest.raises(ConnectionRefusedError):
                    await port.connect()
                return answer

        answer = asyncio.run(asyncio.wait_for(run(), 5))
        assert b"connection: close" in answer
        assert answer.endswith(b"h127.0.0.1")

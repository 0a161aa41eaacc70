"""What a command says, read from the pipe that it writes to."""

import asyncio
import os
from typing import Protocol

__all__ = ["Outlet", "Output"]


class Output(Protocol):
    """What is read bit by bit, as a StreamReader is."""

    async def read(self, n: int) -> bytes:
        """What is there, at most so many bytes of it; waits for the first. Empty at the end."""


class Outlet:
    """The reading end of a pipe, whose descriptor becomes its own.

    Not a loop's transport: uvloop closes the descriptor of a pipe twice (MagicStack/uvloop#763), and what another thread has
    opened in between, a file or a client's connection, is closed under it.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor

    async def read(self, n: int) -> bytes:
        """As `Output` says. One at a time; a cancelled one has taken nothing."""
        while True:
            try:
                return os.read(self._descriptor, n)
            except BlockingIOError:
                await self._readable()

    def close(self) -> None:
        """Once nobody reads any more. A second time does nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    async def _readable(self) -> None:
        loop, descriptor = asyncio.get_running_loop(), self._descriptor
        has_come = asyncio.Event()
        loop.add_reader(descriptor, has_come.set)
        try:
            await has_come.wait()
        finally:
            loop.remove_reader(descriptor)

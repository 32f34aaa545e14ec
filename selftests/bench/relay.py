"""A long way to every guest: a relay in front of each that delays what passes and changes nothing else.

Not every kernel has netem. `python -m selftests.bench.relay ADDRESS...` is the process behind `far`: one for all
guests, beside the client and not part of it, so that what it costs counts neither as the client's nor as the guests'.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, Final

from selftests.bench.hosts import FAR, NEAR, Guests, reach
from selftests.bench.sealed import ROOT

ONE_WAY: Final = 0.025
"""Seconds that each direction takes; a round trip is twice that."""
TRIES: Final = 9
_Way = asyncio.Queue[tuple[float, bytes]]
"""What was read, and when it is due at the other end; nothing at all is the end."""
_calls: Final[set[asyncio.Task[Any]]] = set()
"""The loop refers to its tasks weakly: one that waits would be collected."""


@contextmanager
def far(guests: Guests) -> Iterator[Guests]:
    """The same guests at addresses that are a long way off.

    Raises:
        RuntimeError: if the relay does not start.
    """
    reach(FAR)
    command = [sys.executable, "-m", "selftests.bench.relay", *guests.addresses]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline() != b"ready\n":
                raise RuntimeError("the relay did not start")
            yield replace(guests, addresses=tuple(map(_far, guests.addresses)))
        finally:
            process.kill()


def added(near: str, distant: str) -> float:
    """Seconds that a question and its answer take longer by the relay: the fastest of several, for load only adds."""
    return min(_answered(distant) for _ in range(TRIES)) - min(_answered(near) for _ in range(TRIES))


def _answered(address: str) -> float:
    """Seconds from our greeting to sshd's answer; its own greeting, which comes unasked, is not counted."""
    with socket.create_connection((address, 22), timeout=10) as connection, connection.makefile("rb") as answers:
        answers.readline()
        begun = time.perf_counter()
        connection.sendall(b"SSH-2.0-bench\r\n")
        answers.read(1)
        return time.perf_counter() - begun


def _far(address: str) -> str:
    return FAR + address.removeprefix(NEAR)


async def relay(addresses: Sequence[str]) -> None:
    """Listen in front of every guest, for ever."""
    servers = [await asyncio.start_server(partial(_call, address), _far(address), 22) for address in addresses]
    print("ready", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


async def _call(address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection. The kernel took it at once: the handshake's way is made up for before anything passes."""
    call = asyncio.current_task()
    assert call is not None
    _calls.add(call)
    call.add_done_callback(_calls.discard)
    there, back = _Way(), _Way()
    opened = asyncio.get_running_loop().time() + 2 * ONE_WAY
    reading = asyncio.create_task(_take(reader, there, opened))
    await asyncio.sleep(3 * ONE_WAY)  # the third packet of the handshake is what a server's accept waits for
    with suppress(OSError):
        distant, answering = await asyncio.open_connection(address, 22)
        await asyncio.gather(reading, _give(there, answering), _take(distant, back), _give(back, writer))
        answering.close()
    reading.cancel()
    writer.close()


async def _take(reader: asyncio.StreamReader, way: _Way, opened: float = 0.0) -> None:
    """Everything with the time at which it is due, so that waiting delays nothing behind it."""
    clock = asyncio.get_running_loop().time
    chunk = b"any"
    while chunk:
        try:
            chunk = await reader.read(65536)
        except OSError:  # reset: the other end shall learn of it
            chunk = b""
        way.put_nowait((max(clock(), opened) + ONE_WAY, chunk))


async def _give(way: _Way, writer: asyncio.StreamWriter) -> None:
    clock = asyncio.get_running_loop().time
    while True:
        due, chunk = await way.get()
        await asyncio.sleep(max(0.0, due - clock()))
        with suppress(OSError):
            if not chunk:
                writer.write_eof()
                return
            writer.write(chunk)
            await writer.drain()


if __name__ == "__main__":
    with suppress(PermissionError):
        os.nice(-10)  # a busy machine makes no line longer
    asyncio.run(relay(sys.argv[1:]))

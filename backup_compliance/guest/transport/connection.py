"""Bounds on testinfra's connections: in time, in bytes, and never asking a person.

testinfra's `timeout=` is ssh's ConnectTimeout only; a command that hangs would hang the run. While
reading, every local process that testinfra starts (ssh, docker, kubectl, ansible ...) gets a process
group of its own and is killed with it.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import IO, Final

from testinfra.backend.base import BaseBackend, CommandResult

from backup_compliance.guest.probe_output import OUTPUT_LIMIT
from backup_compliance.guest.transport.winrm_connection import bounded_winrm

ERROR_LIMIT: Final = 16384
_limits = threading.local()
_running: set[subprocess.Popen[bytes]] = set()


class TimedOut(Exception):
    """The command did not end in time; it was killed."""

    def __init__(self, output: bytes = b"") -> None:
        self.output = output
        """What it had printed by then."""
        super().__init__("timed out")


@contextmanager
def bounded_connections(*, over_winrm: bool = False) -> Iterator[None]:
    """Inside, every command that testinfra runs locally keeps this thread's deadline; over WinRM too, where that is asked."""
    original = BaseBackend.run_local
    BaseBackend.run_local = _run_local  # the one place all of its backends pass but WinRM's
    try:
        with bounded_winrm(time_left) if over_winrm else nullcontext():
            yield
    finally:
        for process in list(_running):  # Ctrl-C reaches this process only, not the groups of its own
            _kill_group(process)
        BaseBackend.run_local = original


def set_deadline(seconds: float) -> None:
    """How long commands of this thread may take from now on, all together."""
    _limits.deadline = time.monotonic() + seconds


def time_left() -> float:
    """Seconds until this thread's deadline; `TimedOut` at or after it."""
    left = getattr(_limits, "deadline", time.monotonic() + 60) - time.monotonic()
    if left <= 0:
        raise TimedOut
    return float(left)


def _run_local(backend: BaseBackend, command: str, *args: str) -> CommandResult:
    command = backend.quote(command, *args)
    deadline = getattr(_limits, "deadline", time.monotonic() + 60)
    process = subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "SSH_ASKPASS_REQUIRE": "never"},
    )
    _running.add(process)
    try:
        stdout, stderr = _read_both(process, deadline)
        process.wait(timeout=max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise TimedOut(stdout) from error
    finally:
        _running.discard(process)
        _kill_group(process)
    return backend.result(process.returncode, command.encode(), stdout, stderr)


def _read_both(process: subprocess.Popen[bytes], deadline: float) -> tuple[bytes, bytes]:
    """Both streams up to their limits; what is beyond is read and dropped until the end."""
    assert process.stdout is not None
    assert process.stderr is not None
    kept: dict[IO[bytes], bytearray] = {process.stdout: bytearray(), process.stderr: bytearray()}
    limits = {process.stdout: OUTPUT_LIMIT, process.stderr: ERROR_LIMIT}
    with selectors.DefaultSelector() as selector:
        for stream in kept:
            selector.register(stream, selectors.EVENT_READ, stream)
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimedOut(bytes(kept[process.stdout]))
            for key, _ in ready:
                stream = key.data
                chunk = os.read(key.fd, 65536)
                if chunk:
                    kept[stream] += chunk[: limits[stream] - len(kept[stream])]
                else:
                    selector.unregister(stream)
    return bytes(kept[process.stdout]), bytes(kept[process.stderr])


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()

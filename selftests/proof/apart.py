"""One process and all that it starts, with an end to its processor time."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WALL: Final = 12
"""Seconds of wall time that a second of processor time may take on a busy machine."""


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    """Negative: the signal that ended it."""
    output: str
    seconds: float
    """Of processor time, its children's included."""


def run_apart(command: Sequence[str], where: Path, *, seconds: float) -> Ended:
    """Run `command` in `where`; one that takes more than `seconds` of processor time is ended by the kernel."""
    limit = int(seconds) + 1
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            command,
            cwd=where,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (limit, limit)),  # noqa: PLW1509  # sets a limit only
        )
        timer = threading.Timer(limit * WALL, _end, (process.pid,))
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        _end(process.pid)
        told.seek(0)
        output = told.read().decode("utf-8", "replace")
    return Ended(process.returncode, output, used.ru_utime + used.ru_stime)


def _end(group: int) -> None:
    """Whatever the process started and left behind goes with it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)

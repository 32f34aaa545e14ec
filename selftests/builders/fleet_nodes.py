"""A Dask scheduler and workers as processes on loopback, each worker with a network of its own as far as its ssh goes.

What stands in for ssh answers for the hosts that have a recording in its segment's folder, and for nobody else.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from selftests.builders.product import ROOT

SSH: Final = """#!/bin/sh
# host names say how a host behaves; all of them are known in one segment only
for word; do host=$prev; prev=$word; done
recording=$HOSTS/$SEGMENT/$host
echo "$host" >> "$HOSTS/$SEGMENT.asked"
if [ ! -f "$recording" ]; then echo "ssh: connect to host $host port 22: No route to host" >&2; exit 255; fi
case $host in
  slow*) sleep 0.3 ;;
  hang*) sleep 30 ;;
esac
exec cat "$recording"
"""
QUICK: Final = {"start": 5, "grace": 1, "slack": 1, "connect": 5}
"""Seconds that anything is waited for, as Dask's configuration takes them."""


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Nodes:
    """The scheduler's address, and every process by its name."""

    folder: Path
    address: str = ""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start_scheduler(self) -> None:
        """The one scheduler."""
        port = free_port()
        self.address = f"tcp://127.0.0.1:{port}"
        self._start("scheduler", ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"], {})

    def log(self, name: str) -> str:
        """What a process said so far."""
        return (self.folder / f"{name}.log").read_text()

    def start_worker(
        self,
        name: str,
        *resources: str,
        segment: str = "",
        threads: int = 4,
        given: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """A worker with these resources, in the network of `segment`."""
        held = " ".join(f"{resource}={threads}" for resource in resources)
        options = ["--no-nanny", "--no-dashboard", "--nthreads", str(threads), "--local-directory", str(self.folder)]
        wanted = ["--resources", held] if held else []
        self._start(
            name, ["worker", self.address, *options, *wanted, *given], {"SEGMENT": segment, **(variables or {})}
        )

    def _start(self, name: str, words: list[str], variables: Mapping[str, str]) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            environment = {**self.environment(), "PYTHONPATH": str(ROOT), **variables}
            command = [sys.executable, "-m", "dask", *words]
            self.processes[name] = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
            )

    def environment(self) -> dict[str, str]:
        """With the ssh that plays hosts, and its hosts."""
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "HOSTS": str(self.folder / "hosts")}

    def add_host(self, segment: str, name: str, recording: bytes) -> None:
        """A host that can be reached in this segment."""
        file = self.folder / "hosts" / segment / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(recording)

    def asked(self, segment: str) -> list[str]:
        """Which hosts were asked in a segment, in order; asked again as often as they were."""
        with suppress(FileNotFoundError):
            return (self.folder / "hosts" / f"{segment}.asked").read_text().split()
        return []

    def kill(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a process without any warning."""
        process = self.processes.pop(name)
        process.send_signal(number)
        process.wait()

    def stop(self) -> None:
        """End everything."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.wait()


def make_nodes(folder: Path) -> Nodes:
    """A scheduler that runs, no worker yet, and the ssh that all of them use."""
    tool = folder / "bin" / "ssh"
    tool.parent.mkdir(parents=True)
    tool.write_text(SSH)
    tool.chmod(0o755)
    nodes = Nodes(folder)
    nodes.start_scheduler()
    return nodes


def wait_for(happened: Callable[[], object], seconds: float = 20) -> None:
    """Until something is so; an AssertionError if it does not become so."""
    latest = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < latest
        time.sleep(0.02)

"""The same facts as a test file of testinfra's users: a test a fact and host, run by pytest-xdist over shared connections."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Final

from selftests.bench.hosts import Guests
from selftests.bench.one_by_one import FACTS
from selftests.bench.sealed import ROOT

WORKERS: Final = 8
"""What reads 20 guests fastest on two cores, of 2, 4, 8, 16 and 32."""
FAR_WORKERS: Final = 16
"""The same for guests a long way off, of 8, 16 and 32."""
_FILE: Final = """\
import pytest

from selftests.bench.one_by_one import ANSWERED, FACTS


@pytest.mark.parametrize(("name", "ask"), FACTS, ids=[name for name, _ in FACTS])
def test_fact(host, name, ask):
    answer = ask(host)
    assert answer or name not in ANSWERED
"""
# a user has these two plugins; the others of this environment would slow every worker's start
_PLUGINS: Final = ("-p", "xdist.plugin", "-p", "testinfra.plugin")
# The kernel shares the processor out by session, and read_guests has one for each ssh: all workers are in one session,
# which is given the weight of so many.
_SESSION: Final = 'echo "$0" > /proc/self/autogroup; exec "$@"'
_NOTHING: Final = "def test_nothing():\n    pass\n"


@dataclass(frozen=True)
class Run:
    """One run of the file on all hosts."""

    wall: float
    """Seconds from the start of pytest to its end."""
    idle: float
    """... of the same with one test that asks nobody: what starting pytest and its workers takes."""
    tests: int
    workers: int

    @property
    def reading(self) -> float:
        """Seconds for the hosts alone."""
        return self.wall - self.idle


def run(guests: Guests, workers: int) -> Run:
    """Run the file once; every connection is left to be made by it, and closed afterwards.

    Raises:
        RuntimeError: if a test fails or is missing.
    """
    hosts = ",".join(f"ssh://root@{address}" for address in guests.addresses)
    expected = len(FACTS) * len(guests.addresses)
    folder = guests.shared_config.with_name("users-file")
    folder.mkdir(exist_ok=True)
    idle = _seconds(folder, _NOTHING, workers, [], 1)
    try:
        reached = [f"--hosts={hosts}", f"--ssh-config={guests.shared_config}"]
        return Run(_seconds(folder, _FILE, workers, reached, expected), idle, expected, workers)
    finally:
        _disconnect(guests)


def _seconds(folder: Path, text: str, workers: int, options: list[str], expected: int) -> float:
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "test_hosts.py").write_text(text, encoding="utf-8")
    weight = f"-{round(log(workers, 1.25))}"
    options = ["-q", "-p", "no:cacheprovider", *_PLUGINS, f"-n{workers}", *options]
    command = ["sh", "-c", _SESSION, weight, sys.executable, "-m", "pytest", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    begun = time.perf_counter()
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, start_new_session=True)
    wall = time.perf_counter() - begun
    if ended.returncode or not re.search(rf"\b{expected} passed", ended.stdout):
        raise RuntimeError(f"the test file failed: {ended.stdout[-2000:]}{ended.stderr[-2000:]}")
    return wall


def _disconnect(guests: Guests) -> None:
    for control in guests.shared_config.parent.glob("control-*"):
        leave = ["ssh", "-F", str(guests.shared_config), "-o", f"ControlPath={control}", "-O", "exit", "nobody"]
        subprocess.run(leave, stdin=subprocess.DEVNULL, capture_output=True)

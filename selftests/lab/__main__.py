"""The lab's command line: `python -m selftests.lab` runs it, `python -m selftests.lab down` clears up after a killed one."""

from __future__ import annotations

import argparse
import fcntl
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Final

from selftests.bench import sealed
from selftests.lab import leftovers, machine
from selftests.lab.places import CACHE, ROOT, UP

_IDLE: Final = "2"
"""Guests of the lab that is killed on purpose."""


def main(argv: Sequence[str]) -> int:
    """0: all as the table says, and nothing left behind; 1: not so; 2: this machine cannot hold the lab."""
    parser = argparse.ArgumentParser("python -m selftests.lab", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("run", "down", "idle"), default="run")
    parser.add_argument(
        "--guest", action="append", default=[], metavar="NAME", help="only the cases of this guest; may be repeated"
    )
    given = parser.parse_args(argv)
    lacking = machine.lacking()
    for what in lacking:
        print(f"lab: {what}", file=sys.stderr)
    if lacking:
        return 2
    CACHE.mkdir(parents=True, exist_ok=True)
    if given.command == "down":
        print(f"lab: {leftovers.sweep()} processes ended; left behind: {_told(leftovers.left(set()))}")
        return 0
    if given.command == "idle":
        return sealed.run("selftests.lab.inside", ["--idle", _IDLE])
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: another run holds the lab", file=sys.stderr)
            return 2
        return _run([f"--guest={name}" for name in given.guest])


def _run(arguments: Sequence[str]) -> int:
    from selftests.lab.bases import make_all  # needs the development environment, `down` does not

    stale = leftovers.sweep()
    if stale:
        print(f"lab: {stale} processes of a killed run ended")
    make_all()
    leftovers.make_room()
    known: set[str] = set()
    threading.Thread(target=_watch, args=(known,), daemon=True).start()
    try:
        status = sealed.run("selftests.lab.inside", arguments)
    finally:
        leftovers.sweep()
    remains = leftovers.left(known)
    print(f"left behind of {len(known)} namespaces and all else: {_told(remains)}")
    killed = _killed() if not arguments else {}
    if killed:
        print(f"left behind by a lab that was killed (SIGKILL, {_IDLE} guests up): {_told(killed)}")
    return status or int(any(remains.values()) or any(killed.values()))


def _watch(known: set[str]) -> None:
    """Every namespace that the lab is seen in, while it runs."""
    while True:
        known |= leftovers.namespaces(leftovers.processes())
        time.sleep(10)


def _killed() -> dict[str, int]:
    """What is left of a lab whose process was killed in the middle, before and after sweeping."""
    UP.unlink(missing_ok=True)
    process = subprocess.Popen([sys.executable, "-m", "selftests.lab", "idle"], cwd=ROOT, stdin=subprocess.DEVNULL)
    latest = time.monotonic() + 60
    while not UP.exists() and process.poll() is None and time.monotonic() < latest:
        time.sleep(0.2)
    known = leftovers.namespaces(leftovers.processes())
    running = len(leftovers.processes())
    process.send_signal(signal.SIGKILL)
    process.wait()
    print(f"killed a lab of {running} processes in {len(known)} namespaces; ", end="")
    time.sleep(1)
    print(f"a second later {len(leftovers.processes())} processes are left to sweep")
    leftovers.sweep()
    UP.unlink(missing_ok=True)
    if not known:
        return {"labs that did not start": 1}
    latest = time.monotonic() + 10  # the last process of a namespace may still be on its way out
    while any(leftovers.left(known).values()) and time.monotonic() < latest:
        time.sleep(0.2)
    return leftovers.left(known)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Runs a module of this project in network, mount and process namespaces of its own.

The network there has no interface to the outside, so nothing can leave this machine, and its addresses
and names cannot meet anyone else's. Files go to a tmpfs over /run that only this run sees. Removing it
all is the kernel's: it kills the processes of a process namespace with their first one and drops the
networks and mounts with the last process in them. Hence nothing is left behind after a kill -9 either.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

ROOT: Final = Path(__file__).resolve().parents[2]
RUN: Final = Path("/run")
_NAMESPACES: Final = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
_PACKAGES: Final = {
    "ip": "iproute2",
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "curl": "curl",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "mount": "mount",
}


def lacking() -> list[str]:
    """What this machine lacks, a sentence each; empty if it can measure."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return ["needs Linux and root: it makes network namespaces"]
    os.environ["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"
    absent = [f"needs the command {c} (Debian: {p})" for c, p in _PACKAGES.items() if not shutil.which(c)]
    if absent:
        return absent
    tried = subprocess.run([*_NAMESPACES, "mount", "-t", "tmpfs", "bench", RUN], capture_output=True, text=True)
    refused = "needs the right to make namespaces and mounts (in a container: CAP_SYS_ADMIN): "
    return [refused + tried.stderr.strip()] if tried.returncode else []


def run(module: str, argv: Sequence[str]) -> int:
    """The exit code of `python -m module argv...` in there; it dies with this process, however that ends."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    command = ["setpriv", "--pdeathsig", "KILL", *_NAMESPACES, sys.executable, "-m", module, *argv]
    # a session of its own: Ctrl-C reaches this process only, which then ends the other one for certain
    process = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        process.kill()
        process.wait()


def settle() -> None:
    """The first thing to do inside: the private /run, and a loopback that works.

    Raises:
        RuntimeError: if this is not inside, where the mount would hide the machine's own /run.
    """
    if os.getpid() != 1:
        raise RuntimeError("to be started by python -m selftests.bench only")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "bench", RUN], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    sys.exit(128 + number)

"""What a lab leaves behind: counted, and swept away where a run was killed.

Namespaces, mounts, bridges and files under /run are the sealed namespaces' own and go with their last
process. Control groups are the machine's, and so are the processes in them: both are found by the
lab's own group.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from selftests.lab.places import CACHE, CGROUP, HIERARCHIES, RUN, SHARE

INSTANCES: Final = Path("/proc/sys/fs/inotify/max_user_instances")
"""Every guest's systemd takes several; the machine's own limit is put back afterwards."""
_KEPT: Final = CACHE / "max_user_instances"
_KINDS: Final = ("net", "mnt", "pid", "uts", "ipc")


def processes() -> list[int]:
    """Every process in the lab's control groups."""
    root = HIERARCHIES["systemd"] / CGROUP
    found = []
    for folder, _, _ in os.walk(root):  # unlike rglob, it lets a group vanish while it looks
        with suppress(OSError):
            found += [int(pid) for pid in Path(folder, "cgroup.procs").read_text().split()]
    return sorted(set(found) - {0})


def namespaces(pids: Iterable[int]) -> set[str]:
    """The namespaces these processes are in, this process's own left out."""
    return _namespaces(pids) - _namespaces([os.getpid()])


def _namespaces(pids: Iterable[int]) -> set[str]:
    found = set()
    for pid in pids:
        for kind in _KINDS:
            with suppress(OSError):
                found.add(str(Path(f"/proc/{pid}/ns/{kind}").readlink()))
    return found


def groups() -> list[Path]:
    """The lab's control groups, the innermost first."""
    roots = [hierarchy / CGROUP for hierarchy in HIERARCHIES.values()]
    inner = [p for root in roots for p in sorted(root.rglob("*"), reverse=True) if p.is_dir()]
    return [*inner, *(root for root in roots if root.is_dir())]


def left(known: set[str]) -> dict[str, int]:
    """How much of a lab is there: processes, namespaces out of `known`, groups, mounts, links, files."""
    everybody = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True).stdout
    mounts = Path("/proc/self/mountinfo").read_text()
    return {
        "processes": len(processes()),
        "namespaces": len(_namespaces(everybody) & known),
        "control groups": len(groups()),
        "mounts": sum(str(RUN) in line or str(CACHE) in line for line in mounts.splitlines()),
        "bridges and links": sum(f" {name}" in links for name in ("lab0", "guest")),
        "files in /run": int(RUN.exists()),
    }


def sweep() -> int:
    """Ends what a killed lab left running, removes its groups; returns how many processes there were."""
    stale = processes()
    latest = time.monotonic() + 20
    while (pids := processes()) and time.monotonic() < latest:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    for _ in range(50):  # a group is busy for a moment after its last process
        for group in groups():
            with suppress(OSError):
                group.rmdir()
        if not groups():
            break
        time.sleep(0.1)
    if _KEPT.exists():
        INSTANCES.write_text(_KEPT.read_text())
        _KEPT.unlink()
    return len(stale)


def make_room() -> None:
    """Room for many guests' systemd, until `sweep`."""
    before = INSTANCES.read_text()
    if int(before) < 8192:
        _KEPT.write_text(before)
        INSTANCES.write_text("8192")


def join() -> None:
    """Makes this process, and all that it starts from now on, the lab's."""
    runner = HIERARCHIES["cpu"] / CGROUP / "runner"
    for group in (HIERARCHIES["systemd"] / CGROUP, runner):
        group.mkdir(parents=True, exist_ok=True)
        (group / "cgroup.procs").write_text("0")
    for group in (runner.parent, runner):
        (group / "cpu.shares").write_text(str(SHARE))

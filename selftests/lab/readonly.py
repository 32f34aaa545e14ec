"""Proof that the product changes nothing in a guest: its tree and processes before and after, the probe's calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from selftests.lab import places
from selftests.lab.cases.agent import FREEZE, THAW
from selftests.lab.guests import Running

LOGIN: Final[Mapping[str, str]] = {
    r"/var/log/(wtmp|lastlog|btmp|auth\.log|faillog)": "sshd and login record who came",
    r"/run/utmp": "who is logged in",
    r"/run/systemd/(sessions|users|units|transient|inaccessible)(/.*)?": "logind's sessions, where libpam-systemd is installed",
    r"/run/user(/.*)?": "the run folder that such a session gets",
    r"/(run|var)/log/journal(/.*)?": "the journal holds sshd's lines",
    r"/run/systemd/journal/streams(/.*)?": "connections to the journal",
    r"/run(/motd\.dynamic(\.new)?)?": "pam_motd writes the message of the day anew, by way of another name",
    r"/var/log/waagent\.log": "the agent's own log; the agent is frozen, its buffers may be written late",
}
"""What logging in changes by itself, by path, and why. Times of last access are not looked at."""
SESSION: Final = r"systemd --user$|\(sd-pam\)$"
"""Processes that logind keeps for a while after a session."""
_LIST: Final = r"""
find / /run /tmp /dev/shm -xdev \( -path /proc -o -path /sys \) -prune -o -printf '%p\t%y %m %U:%G %s %T@ %l\n' | sort -u
echo ==
find / /run /tmp /dev/shm -xdev \( -path /proc -o -path /sys \) -prune -o -type f -print0 | sort -zu | xargs -0 sha256sum
echo ==
ps -eo pid,lstart,args
"""


@dataclass(frozen=True)
class Snapshot:
    """Every file's metadata and checksum, and every process."""

    files: Mapping[str, str]
    processes: frozenset[str]


def snapshot(guest: Running) -> Snapshot:
    """The whole guest now: its root, /run, /tmp and /dev/shm."""
    listed, sums, processes = guest.run(_LIST).stdout.split("\n==\n")
    files = dict(line.split("\t", 1) for line in listed.strip().split("\n") if "\t" in line)
    for line in sums.split("\n"):
        checksum, _, path = line.partition("  ")
        files[path] = f"{files.get(path, '')} {checksum}"
    own = re.compile(r" ps -eo pid| /bin/sh -c ")  # the listing itself
    return Snapshot(files, frozenset(line.strip() for line in processes.split("\n") if line and not own.search(line)))


def changes(before: Snapshot, after: Snapshot) -> list[str]:
    """What differs beyond `LOGIN`: paths, and processes that came or went."""
    paths = {p for p in before.files.keys() | after.files.keys() if before.files.get(p) != after.files.get(p)}
    mine = [f"file {p}" for p in sorted(paths) if not any(re.fullmatch(allowed, p) for allowed in LOGIN)]
    came_or_went = sorted(before.processes ^ after.processes)
    return mine + [f"process {p}" for p in came_or_went if not re.search(SESSION, p)]


def watched(guest: Running, read: Callable[[], object]) -> list[str]:
    """What one reading of a guest by the product changed in it, what logging in changes left out."""
    guest.run(FREEZE)
    try:
        before = snapshot(guest)
        read()
        return changes(before, snapshot(guest))
    finally:
        guest.run(THAW)


_CHANGING: Final = (
    *("creat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat"),
    *("symlink", "symlinkat", "chmod", "fchmodat", "chown", "lchown", "fchownat", "truncate", "utime", "utimes"),
    *("utimensat", "futimesat", "mknod", "mknodat", "mount", "umount2", "setxattr", "lsetxattr", "removexattr"),
)
_CALL: Final = re.compile(r"^(?:\[pid +\d+\] |\d+ +)?(\w+)\((.*)")
_OPENED: Final = re.compile(r'"((?:[^"\\]|\\.)*)", ([A-Z_|0-9]+)')
_CONNECTED: Final = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([0-9.]+)"\)')
DESTINATIONS: Final = frozenset(
    {
        (places.STORAGE, 443),
        (places.HOST_ADDRESS, 80),
        (places.HOST_ADDRESS, 32526),
        (places.HOST_ADDRESS, 53),
        (places.IMDS, 80),
    }
)
"""Whom the probe talks to: storage, the host address, its resolver (which is the host address, too), the metadata service."""


@dataclass(frozen=True)
class Trace:
    """What the probe's system calls did."""

    calls: int
    written: tuple[str, ...]
    """Calls that open for writing outside of /dev, or change anything by name."""
    strangers: tuple[str, ...]
    """Internet addresses beyond `DESTINATIONS` that it connected to."""


def trace(guest: Running, script: str) -> Trace:
    """The probe under strace in a guest."""
    guest.run(f"cat > /run/lab-probe.sh <<'LAB-END'\n{script}\nLAB-END")
    try:
        told = guest.run(
            "strace -f -qq -s 300 -e trace=%file,connect,sendto -o /run/lab-trace sh /run/lab-probe.sh > /dev/null; cat /run/lab-trace"
        )
        return judge_trace(told.stdout.split("\n"))
    finally:
        guest.run("rm -f /run/lab-probe.sh /run/lab-trace")


def judge_trace(lines: Iterable[str]) -> Trace:
    """Lines of strace, by what they change and whom they reach; pure."""
    calls, written, strangers = 0, set(), set()
    for line in lines:
        found = _CALL.match(line)
        if found is None:
            continue
        calls += 1
        name, rest = found.groups()
        if name in _CHANGING:
            written.add(f"{name}({rest}"[:160])
        elif name in ("open", "openat") and (opened := _OPENED.search(rest)):
            path, flags = opened.groups()
            if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_APPEND", flags) and not path.startswith("/dev/"):
                written.add(f"{name}({rest}"[:160])
        elif name in ("connect", "sendto"):
            strangers |= {
                f"{a}:{p}" for p, a in _CONNECTED.findall(rest) if (a, int(p)) not in DESTINATIONS and p != "0"
            }
    return Trace(calls, tuple(sorted(written)), tuple(sorted(strangers)))

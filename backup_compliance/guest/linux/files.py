"""The probe's lists of files: which were there, and the lines of many behind their paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from backup_compliance.guest.linux.grammar import FILE_LINE, FILE_STATE
from backup_compliance.guest.probe_output import RECOLLECT_WITH_THIS_PROBE, ProbeOutput, records
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

_ANYTHING = re.compile(".*")
# ConfigParser's: sections, settings with either delimiter, comments, and lines that go on with the one before
_INI = re.compile(r"[ \t]*(?:\[[^\]]{1,80}\]|[;#].*|[^=:\s][^=:]*[=:].*)[ \t\r]*|[ \t]+.*")
_SETTING = re.compile(r"[ \t]*(?:\[[A-Za-z0-9-]{1,80}\]|[A-Za-z0-9_.-]{1,80}[ \t]*=.*)[ \t\r]*|.*\"?Private_Options.*")
_GRAMMARS: Final = (
    (("/var/lib/waagent/",), _ANYTHING),
    (("/etc/os-release",), re.compile(r"[A-Za-z0-9_]{1,80}=.*")),
    (("/etc/azure/",), _INI),
    (("/etc/network/", "/run/network/"), re.compile(r"[ \t]*[a-z][a-z0-9-]{0,40}(?:[ \t].*)?")),
    (
        (
            "/run/systemd/",
            "/etc/systemd/",
            "/run/NetworkManager/",
            "/etc/NetworkManager/",
            "/etc/sysconfig/",
        ),
        _SETTING,
    ),
)
"""What a line of a file must be, by the path's beginning; a path that no row knows was never read by a probe."""


@dataclass(frozen=True, slots=True)
class Files:
    """What the probe saw of the guest's files."""

    states: Mapping[str, str]
    """Path to `readable`, `unreadable`, `directory`, `special` or `absent`."""
    kernels: tuple[str, ...]

    def exists(self, path: str) -> bool:
        """Whether `path` was there; `Unreadable` where the probe did not look."""
        return self.state(path) != "absent"

    def state(self, path: str) -> str:
        """What `path` was; `Unreadable` where the probe did not look."""
        if path not in self.states:
            raise Unreadable(f"the probe's output does not say whether {path} exists", RECOLLECT_WITH_THIS_PROBE)
        return self.states[path]

    def below(self, prefix: str) -> list[str]:
        """Every existing path that starts with `prefix`."""
        return sorted(p for p, s in self.states.items() if p.startswith(prefix) and s != "absent")


def parse_files(output: ProbeOutput) -> Files:
    """The `files` part."""
    states: dict[str, str] = {}
    kernels = []
    for line in records(output.one("files"), FILE_STATE):
        state, path = line.groups()
        if state == "kernel":
            kernels.append(path)
        else:
            states[path] = state
    return Files(states, tuple(kernels))


def parse_lines(text: str) -> dict[str, list[str]]:
    """Lines of many files (`grep -H`) by path, in order."""
    found: dict[str, list[str]] = {}
    for line in text.split("\n"):
        if match := FILE_LINE.fullmatch(line):
            found.setdefault(match.group(1), []).append(match.group(2))
    return found


def parse_configuration(output: ProbeOutput) -> dict[str, list[str]]:
    """The lines of every configuration file the probe read, comments left out, by path."""
    part = output.one("config")
    found = parse_lines(part.text)
    if "/unfinished" in found:
        raise Unreadable(
            "reading the configuration files took too long", "look for a slow or hanging file system under /etc"
        )
    if "/cut" in found:
        paths = list(found)
        last = paths[paths.index("/cut") - 1]
        raise Unreadable(
            f"the configuration files are larger than the probe sends, and were cut behind a line of {printable(last, 120)}",
            "clean up the oversized file on the guest",
        )
    meta = output.all("meta")
    damaged = _first_damaged(part.text, meta[0].pairs().get("conf", "") if meta else "")
    if damaged is not None:
        raise part.damaged(damaged)
    return found


@lru_cache(maxsize=64)
def _first_damaged(text: str, agents_own: str) -> str | None:
    """The first line that its file cannot hold; the part is asked for several times, and looked through once."""
    for path, lines in parse_lines(text).items():
        # the agent's configuration has a grammar of its own, which its parser holds
        if path == agents_own or path.endswith("/waagent.conf"):
            continue
        grammar = next((g for paths, g in _GRAMMARS if path.startswith(paths)), None)
        damaged = next((x for x in lines if grammar is None or not grammar.fullmatch(x)), None)
        if damaged is not None:
            return f"{path}:{damaged}"
    return None

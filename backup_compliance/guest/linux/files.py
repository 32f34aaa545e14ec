"""The probe's lists of files: which were there, and the lines of many behind their paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backup_compliance.guest.linux.grammar import FILE_LINE, FILE_STATE
from backup_compliance.guest.probe_output import ProbeOutput, records
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable


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
            raise Unreadable(
                f"the probe's output does not say whether {path} exists", "collect again with this version's probe.sh"
            )
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
    found = parse_lines(output.one("config").text)
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
    return found

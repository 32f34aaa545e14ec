"""A guest of either system, told apart by the frame of its recording."""

from __future__ import annotations

from typing import TypeAlias

from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.windows.guest import WindowsGuest, parse_windows_guest
from backup_compliance.guest.windows.output import is_windows_output, parse_windows_output

Guest: TypeAlias = LinuxGuest | WindowsGuest


def parse_guest(data: bytes) -> Guest:
    """The guest behind a recording.

    Raises:
        Unreadable: no output of a probe, one that stops before its end, or not read with full rights.
    """
    if is_windows_output(data):
        return parse_windows_guest(parse_windows_output(data))
    return parse_linux_guest(parse_output(data))

"""A guest of either system, told apart by the frame of its recording."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.windows.guest import WindowsGuest, parse_windows_guest
from backup_compliance.guest.windows.output import FRAME, is_windows_output, parse_windows_output
from backup_compliance.guest.windows.proxy import mask_proxies
from backup_compliance.model.masking import mask_secrets
from backup_compliance.model.recorded import Problem
from backup_compliance.model.verdicts import Unreadable

Guest: TypeAlias = LinuxGuest | WindowsGuest


def parse_guest(data: bytes, read_at: datetime | None = None) -> Guest:
    """The guest behind a recording; `read_at` is the collector's clock when it was read (UTC), where that is known.

    Raises:
        Unreadable: no output of a probe, one that stops before its end, or not read with full rights.
    """
    if is_windows_output(data):
        return replace(parse_windows_guest(parse_windows_output(data)), read_at=read_at)
    return replace(parse_linux_guest(parse_output(data)), read_at=read_at)


def judge_output(output: bytes) -> Problem | None:
    """None for a complete reading as root; else what is wrong with it as a whole."""
    try:
        parse_guest(output)
    except Unreadable as error:
        return Problem(error.reason, error.remedy)
    return None


def is_probe_output(output: bytes) -> bool:
    """Whether a probe printed any of it, whole or not."""
    return b"avb-probe" in output or FRAME.encode() in output


def mask_output(output: bytes) -> bytes:
    """The recording as it may be kept: what the probe already left out is left out twice."""
    return mask_proxies(mask_secrets(output.decode("utf-8", "surrogateescape"))).encode("utf-8", "surrogateescape")

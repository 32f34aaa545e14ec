"""What reading leaves behind, whoever read it: raw recordings, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far two clocks may differ without either being wrong."""


class Problem(msgspec.Struct, frozen=True):
    """Why something as a whole could not be read, and what to do about it."""

    reason: str = msgspec.field(name="missing")
    """As facts folders and reports call it, `missing`."""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class RecordedGuest:
    """One guest as it was read: its raw output, or the problem that kept it from being read."""

    name: str
    """Host id: unique, without user and password."""
    output: bytes = field(default=b"", repr=False)
    read_at: datetime | None = None
    """UTC, by the collector's clock; None for output that was brought by hand."""
    problem: Problem | None = None


class ReadProblem(msgspec.Struct, frozen=True):
    """A list of ARM that could not be read: as a whole, or for one `scope` (resource id) out of many."""

    type: str
    reason: str = msgspec.field(name="missing")
    """As facts folders call it, `missing`."""
    remedy: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class RecordedSubscription:
    """One subscription as ARM gave it: a JSON document for each resource type, and what could not be read."""

    id: str
    """Lower case."""
    documents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Raw JSON by the names of `platform.resource_types`."""
    read_at: datetime | None = None
    """UTC, by the collector's clock; None for documents that were brought by hand."""
    problems: tuple[ReadProblem, ...] = ()


def host_id(name: str) -> str:
    """`name` as it may appear in test ids, file names and reports: letters, digits and `. _ : @ ~ -`."""
    return re.sub(r"[^A-Za-z0-9._:@~-]+", "_", name)[:200] or "unnamed"

"""What reading leaves behind, whoever read it: raw recordings, or why there is none."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far two clocks may differ without either being wrong."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something as a whole could not be read, and what to do about it."""

    missing: str
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


@dataclass(frozen=True, slots=True)
class ReadProblem:
    """A list of ARM that could not be read: as a whole, or for one `scope` (resource id) out of many."""

    type: str
    missing: str
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

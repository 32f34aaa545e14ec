"""Reads everything a run asks for, with progress, before any test is collected."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backup_compliance.facts import Facts, load_facts, merge, save_facts
from backup_compliance.guest.hosts import Target
from backup_compliance.guest.read import Limits, probe_command, read_guests
from backup_compliance.recorded import RecordedGuest


@dataclass(frozen=True, slots=True)
class Request:
    """What to read, from where, and where to keep it."""

    recorded: Path | None
    targets: Sequence[Target]
    connection: Mapping[str, Any]
    """testinfra's connection options."""
    limits: Limits
    storage_endpoint: str
    """Asked by guests whose goal state names none; empty for none."""
    keep_in: Path | None


def read_facts(request: Request, say: Callable[[str], None]) -> Facts:
    """Recorded facts, then live ones; saved where that was asked for.

    Raises:
        ConfigurationError: a facts folder of another version, a folder that cannot be written.
    """
    parts = []
    if request.recorded is not None:
        parts.append(load_facts(request.recorded))
    if request.targets:
        parts.append(_read_live(request, say))
    facts = merge(parts)
    if request.keep_in is not None:
        save_facts(facts, request.keep_in)
    return facts


def _read_live(request: Request, say: Callable[[str], None]) -> Facts:
    began = time.monotonic()
    # a bar on terminals only; a log keeps the one line below
    with tqdm(
        total=len(request.targets), desc="reading guests", unit="host", file=sys.stderr, disable=None, leave=False
    ) as bar:

        def told(guest: RecordedGuest) -> None:
            bar.set_postfix_str(guest.name[:30])
            bar.update()

        command = probe_command(request.storage_endpoint)
        guests = read_guests(request.targets, request.connection, command, request.limits, told)
    failed = sum(g.problem is not None for g in guests)
    unread = f", {failed} of them could not be read" if failed else ""
    say(f"read {len(guests)} guest{'s' if len(guests) != 1 else ''} in {time.monotonic() - began:.1f} s{unread}")
    return Facts(tuple(guests))

"""Reads everything a run asks for, with progress, before any test is collected."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backup_compliance.azure_request import AzureRequest
from backup_compliance.facts import Facts, merge
from backup_compliance.guest.hosts import Target
from backup_compliance.guest.read import Limits, probe_command, read_guests
from backup_compliance.recorded import RecordedGuest


@dataclass(frozen=True, slots=True)
class Request:
    """What to read, from where, and where to keep it."""

    targets: Sequence[Target]
    connection: Mapping[str, Any]
    """testinfra's connection options."""
    limits: Limits
    storage_endpoint: str
    """Asked by guests whose goal state names none; empty for none."""
    keep_in: Path | None
    azure: AzureRequest | None = None


def read_facts(request: Request, say: Callable[[str], None]) -> Facts:
    """What is read now: Azure first, then the guests.

    Raises:
        ConfigurationError: no way into Azure.
    """
    parts = []
    if request.azure is not None:
        parts.append(_read_platform(request.azure, say))
    if request.targets:
        parts.append(_read_guests(request, say))
    return merge(parts)


def _read_guests(request: Request, say: Callable[[str], None]) -> Facts:
    began = time.monotonic()
    with _bar("reading guests", "host", len(request.targets)) as bar:

        def told(guest: RecordedGuest) -> None:
            bar.set_postfix_str(guest.name[:30])
            bar.update()

        command = probe_command(request.storage_endpoint)
        guests = read_guests(request.targets, request.connection, command, request.limits, told)
    failed = sum(g.problem is not None for g in guests)
    unread = f", {failed} of them could not be read" if failed else ""
    say(f"read {len(guests)} guest{'s' if len(guests) != 1 else ''} in {time.monotonic() - began:.1f} s{unread}")
    return Facts(tuple(guests))


def _read_platform(request: AzureRequest, say: Callable[[str], None]) -> Facts:
    # the azure packages take a second to import, and only this needs them
    from backup_compliance.platform.arm_pace import Limits as ArmLimits
    from backup_compliance.platform.read import Scope, read_subscriptions

    began = time.monotonic()
    scope = Scope(request.subscriptions, request.management_groups, request.verify_live)
    with _bar("reading Azure", "reply", 0) as bar:

        def told(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        found = read_subscriptions(scope, arm_endpoint(request), ArmLimits(), told)
    failed = sum(len(s.problems) for s in found)
    unread = (
        f", {failed} thing{'s' if failed != 1 else ''} in {'them' if len(found) != 1 else 'it'} could not be read"
        if failed
        else ""
    )
    say(f"read {len(found)} subscription{'s' if len(found) != 1 else ''} in {time.monotonic() - began:.1f} s{unread}")
    return Facts(subscriptions=found)


def arm_endpoint(request: AzureRequest) -> Any:
    """The `clouds.Endpoint` that a request means; raises `ConfigurationError` for URLs that are none."""
    from backup_compliance.platform.clouds import endpoint_of

    return endpoint_of(request.cloud, request.arm_endpoint, request.metrics_endpoint)


def _bar(what: str, unit: str, total: int) -> Any:
    """Progress on terminals only; a log keeps the line that is said at the end."""
    return tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=None, leave=False)

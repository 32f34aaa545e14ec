"""Reads everything a run asks for, with progress, before any test is collected."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from backup_compliance.fleet.workers import Fleet, open_fleet
from backup_compliance.gathering.folder import Facts, merge
from backup_compliance.guest.linux.probe import probe_command
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import ReadLimits, read_guests
from backup_compliance.model.recorded import RecordedGuest, RecordedSubscription
from backup_compliance.platform.request import AzureRequest


@dataclass(frozen=True, slots=True)
class Request:
    """What to read, from where, and where to keep it."""

    targets: Sequence[Target]
    connection: Mapping[str, Any]
    """testinfra's connection options."""
    limits: ReadLimits
    storage_endpoint: str
    """Asked by guests whose goal state names none; empty for none."""
    keep_in: Path | None
    azure: AzureRequest | None = None
    read_on: str = ""
    """The scheduler whose workers read; empty for reading from here."""
    expected: Sequence[str] = ()
    """Ids of hosts that have to be among what is judged."""


def read_facts(request: Request, say: Callable[[str], None]) -> Facts:
    """What is read now: Azure first, then the guests.

    Raises:
        ConfigurationError: no way into Azure, or to the workers.
    """
    parts = []
    with engine_for(request) as fleet:
        if request.azure is not None:
            parts.append(_read_platform(request.azure, fleet, say))
        if request.targets:
            parts.append(_read_guests(request, fleet, say))
    return merge(parts)


def engine_for(request: Request) -> AbstractContextManager[Fleet | None]:
    """The workers that a request is read by; None where that is done from here.

    Raises:
        ConfigurationError: on entering, as `open_fleet`.
    """
    reads = request.targets or request.azure is not None
    return open_fleet(request.read_on) if request.read_on and reads else nullcontext()


def _read_guests(request: Request, fleet: Fleet | None, say: Callable[[str], None]) -> Facts:
    began = time.monotonic()
    with _bar("reading guests", "host", len(request.targets)) as bar:

        def told(guest: RecordedGuest) -> None:
            bar.set_postfix_str(guest.name[:30])
            bar.update()

        guests = guests_of(request, fleet, told)
    failed = sum(g.problem is not None for g in guests)
    unread = f", {failed} of them could not be read" if failed else ""
    by = f" by workers of {request.read_on}" if fleet is not None else ""
    say(f"read {len(guests)} guest{'s' if len(guests) != 1 else ''}{by} in {time.monotonic() - began:.1f} s{unread}")
    return Facts(tuple(guests))


def guests_of(
    request: Request, fleet: Fleet | None, told: Callable[[RecordedGuest], None] = lambda guest: None
) -> list[RecordedGuest]:
    """Every guest of a request, from here or by workers; `told` of each in this thread."""
    read = read_guests if fleet is None else fleet.read_guests
    return read(request.targets, request.connection, probe_command(request.storage_endpoint), request.limits, told)


def _read_platform(request: AzureRequest, fleet: Fleet | None, say: Callable[[str], None]) -> Facts:
    began = time.monotonic()
    if fleet is not None:
        say(fleet.who_asks())
    with _bar("reading Azure", "reply", 0) as bar:

        def told(done: int, of: int) -> None:
            bar.total = of
            bar.update(done - bar.n)

        if fleet is not None and fleet.asks_azure:
            found = fleet.read_subscriptions(request, told)
        else:
            found = _subscriptions(request, told)
    failed = sum(len(s.problems) for s in found)
    unread = (
        f", {failed} thing{'s' if failed != 1 else ''} in {'them' if len(found) != 1 else 'it'} could not be read"
        if failed
        else ""
    )
    say(f"read {len(found)} subscription{'s' if len(found) != 1 else ''} in {time.monotonic() - began:.1f} s{unread}")
    return Facts(subscriptions=found, notes=() if fleet is None else (fleet.who_asks(),))


def _subscriptions(request: AzureRequest, told: Callable[[int, int], None]) -> tuple[RecordedSubscription, ...]:
    # the azure packages take a second to import, and only this needs them
    from backup_compliance.platform.arm.pace import ArmLimits
    from backup_compliance.platform.arm.read import Scope, read_subscriptions

    scope = Scope(request.subscriptions, request.management_groups, request.verify_live)
    return read_subscriptions(scope, arm_endpoint(request), ArmLimits(), told)


def arm_endpoint(request: AzureRequest) -> Any:
    """The `clouds.Endpoint` that a request means; raises `ConfigurationError` for URLs that are none."""
    from backup_compliance.platform.arm.clouds import endpoint_of

    return endpoint_of(request.cloud, request.arm_endpoint, request.metrics_endpoint)


def _bar(what: str, unit: str, total: int) -> Any:
    """Progress on terminals only; a log keeps the line that is said at the end."""
    return tqdm(total=total, desc=what, unit=unit, file=sys.stderr, disable=None, leave=False)

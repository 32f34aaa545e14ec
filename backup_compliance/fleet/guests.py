"""Reads guests through an engine's workers, each by those of its own segment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from backup_compliance.fleet.messages import guest_order, validate_guest
from backup_compliance.fleet.worker import read_guest_here
from backup_compliance.fleet.worker_queues import ANY, Engine, Job, Timeouts, run_jobs
from backup_compliance.guest.transport.connection import bounded_connections, set_deadline
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import GRACE, ReadLimits, expand
from backup_compliance.model.recorded import RecordedGuest


def resource_of(segment: str) -> str:
    """What workers hold that read a segment's guests."""
    return f"segment-{segment}" if segment else ANY


def read_guests_on(
    engine: Engine,
    patience: Timeouts,
    targets: Iterable[Target],
    options: Mapping[str, Any],
    command: str,
    limits: ReadLimits,
    progress: Callable[[RecordedGuest], None] = lambda guest: None,
) -> list[RecordedGuest]:
    """As `guest.read.read_guests` does from here; workers' own threads bound how many are read at once.

    Inventory patterns are looked up here, with this machine's inventory, so that every host has its one result.
    """
    with bounded_connections():
        set_deadline(limits.timeout)
        chosen, results = expand(targets, options)
    for guest in results:
        progress(guest)
    jobs = [
        Job(t, resource_of(t.segment), read_guest_here, guest_order(t, options, command, limits.timeout))
        for t in chosen
    ]
    for ended in run_jobs(engine, jobs, limits.timeout + GRACE, patience):
        target: Target = ended.job.subject
        guest = validate_guest(target, ended.answer, ended.problem)
        results.append(guest)
        progress(guest)
    return sorted(results, key=lambda guest: guest.name)

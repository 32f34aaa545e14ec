"""Reads guests over testinfra: one command a guest, all guests side by side, every one bounded."""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import testinfra.backend

from backup_compliance.guest.recording import is_probe_output, judge_output, mask_output
from backup_compliance.guest.transport.connection import TimedOut, bounded_connections, set_deadline
from backup_compliance.guest.transport.hosts import Target, check_reachable_apart, unique
from backup_compliance.guest.transport.problems import explain
from backup_compliance.guest.transport.windows_read import (
    as_bytes,
    is_left_to_ansible,
    may_be_windows,
    read_windows,
    runner,
)
from backup_compliance.guest.transport.winrm_connection import with_password
from backup_compliance.guest.windows.output import FRAME
from backup_compliance.guest.windows.probe import new_probe
from backup_compliance.model.recorded import Problem, RecordedGuest, host_id

MAY_BE_WINDOWS: Final = frozenset({"ssh", "paramiko", "ansible"})
"""Connections that reach Linux and Windows alike."""
GRACE: Final = 2.0
"""Seconds that a connection which cannot be killed (paramiko's) gets beyond the deadline."""


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How many guests at once, and how long each may take (seconds)."""

    connections: int = 32
    timeout: float = 60.0


def expand(targets: Iterable[Target], options: Mapping[str, Any]) -> tuple[list[Target], list[RecordedGuest]]:
    """Inventory patterns (`ansible://group`) as one target a host; patterns that fail as their own problem."""
    found: list[Target] = []
    failed: list[RecordedGuest] = []
    for target in targets:
        if target.connection != "ansible":
            found.append(target)
            continue
        try:
            pattern, given = testinfra.backend.parse_hostspec(target.spec)
            kind = testinfra.backend.get_backend_class("ansible")
            names = kind.get_hosts(pattern, **{**options, **given})
            if not names:
                missing = Problem(
                    "the inventory has no host of this name or group", "check the pattern and --ansible-inventory"
                )
                failed.append(RecordedGuest(target.name, read_at=datetime.now(UTC), problem=missing))
            query = target.spec.partition("?")[2]
            # another pattern, which this run may not read, may hold the same name in another segment
            suffix = f"~{target.segment}" if target.segment else ""
            specs = {n: f"ansible://{n}" + (f"?{query}" if query else "") for n in names}
            found += [Target(host_id(n) + suffix, spec, "ansible", target.segment) for n, spec in specs.items()]
        except Exception as error:  # noqa: BLE001  # whatever an inventory plugin raises is this pattern's problem
            failed.append(
                RecordedGuest(
                    target.name, read_at=datetime.now(UTC), problem=_problem(error, "the inventory cannot be read")
                )
            )
    return unique(found), failed


def read_guests(
    targets: Iterable[Target],
    options: Mapping[str, Any],
    command: str,
    limits: ReadLimits,
    progress: Callable[[RecordedGuest], None] = lambda guest: None,
) -> list[RecordedGuest]:
    """Read every target; one that fails is a problem of its own and delays nobody.

    Args:
        targets: guests, in any order.
        options: testinfra's connection options (`ssh_config`, `sudo` ...).
        command: what to run there, from `probe_command`.
        limits: connections at once, seconds for each.
        progress: told of every guest as it is done, in this thread.

    Raises:
        ConfigurationError: inventory patterns of two segments hold one host, which from here would be one.
    """
    targets = list(targets)
    with bounded_connections(over_winrm=any(t.connection == "winrm" for t in targets)):
        set_deadline(limits.timeout)
        chosen, results = expand(targets, options)
        check_reachable_apart(chosen)
        for guest in results:
            progress(guest)
        for guest in _Reading(chosen, options, command, limits).results():
            results.append(guest)
            progress(guest)
    return sorted(results, key=lambda guest: guest.name)


def read_alone(target: Target, options: Mapping[str, Any], command: str, timeout: float) -> RecordedGuest:
    """As `read_guests` reads one target that is no pattern, inside bounds that the caller holds."""
    (guest,) = _Reading([target], options, command, ReadLimits(1, timeout)).results()
    return guest


class _Reading:
    """Daemon threads that take targets from a queue; one that never comes back is replaced."""

    def __init__(self, targets: list[Target], options: Mapping[str, Any], command: str, limits: ReadLimits) -> None:
        self.waiting: queue.SimpleQueue[Target] = queue.SimpleQueue()
        self.done: queue.SimpleQueue[tuple[Target, RecordedGuest]] = queue.SimpleQueue()
        self.started: dict[Target, float] = {}
        self.targets = targets
        self.options = options
        self.command = command
        self.limits = limits
        for target in targets:
            self.waiting.put(target)

    def results(self) -> Iterable[RecordedGuest]:
        missing = dict.fromkeys(self.targets)
        for _ in range(min(self.limits.connections, len(missing))):
            self._start()
        while missing:
            try:
                target, guest = self.done.get(timeout=0.25)
            except queue.Empty:
                for target in self._overdue(missing):
                    del missing[target]
                    yield RecordedGuest(target.name, read_at=datetime.now(UTC), problem=timed_out(self.limits.timeout))
                    self._start()
                continue
            if target in missing:
                del missing[target]
                yield guest

    def _overdue(self, missing: Iterable[Target]) -> list[Target]:
        latest = time.monotonic() - self.limits.timeout - GRACE
        return [target for target in missing if self.started.get(target, latest) < latest]

    def _start(self) -> None:
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            try:
                target = self.waiting.get_nowait()
            except queue.Empty:
                return
            self.started[target] = time.monotonic()
            self.done.put((target, read_guest(target, self.options, self.command, self.limits.timeout)))


def read_guest(target: Target, options: Mapping[str, Any], command: str, timeout: float) -> RecordedGuest:
    """Run `command` on one target and keep its output, or say why there is none worth keeping."""
    set_deadline(timeout)
    problem: Problem | None = None
    output = b""
    try:
        backend = testinfra.backend.get_backend(target.spec, **options)
        output, stderr = _ask(backend, target, command)
        problem = _judge(output, stderr)
    except TimedOut:
        problem = timed_out(timeout)
    except Exception as error:  # noqa: BLE001  # a library's or a host's fault must stay this host's own
        problem = _problem(error, "the connection failed")
    return RecordedGuest(target.name, mask_output(output), datetime.now(UTC), problem)


def _ask(backend: Any, target: Target, command: str) -> tuple[bytes, bytes]:
    """What the guest printed, whichever system it runs: Linux in one round trip, Windows in a few more."""
    named = re.search(r"AVB_STORAGE_ENDPOINT=(\S*)", command)  # from `probe_command`
    probe = new_probe(named.group(1) if named else "")
    if target.connection == "winrm" or is_left_to_ansible(backend):
        return read_windows(runner(with_password(backend)), probe)
    result = backend.run(command)
    output, stderr = as_bytes(result._stdout), as_bytes(result._stderr)
    if target.connection not in MAY_BE_WINDOWS or not may_be_windows(output, stderr, result.exit_status):
        return output, stderr
    found, complaint = read_windows(runner(backend), probe)
    return (found, complaint) if FRAME.encode() in found else (output, stderr)


def _judge(output: bytes, stderr: bytes) -> Problem | None:
    """What is wrong with a reading; where no probe printed anything, what the connection complained of says more."""
    problem = judge_output(output)
    complaint = stderr.decode("utf-8", "replace")
    if problem is None or is_probe_output(output) or not complaint.strip():
        return problem
    return explain(complaint, problem.reason)


def timed_out(seconds: float) -> Problem:
    """The problem of a host that did not finish."""
    return Problem(
        f"it did not finish within {seconds:g} seconds",
        "look for a hanging login shell or file system there, or raise --timeout",
    )


def _problem(error: Exception, otherwise: str) -> Problem:
    """Testinfra raises ssh's failure as RuntimeError(CommandResult); its stderr tells the reason."""
    told = error.args[0] if error.args else ""
    stderr = getattr(told, "_stderr", None)
    text = (
        stderr.decode("utf-8", "replace") if isinstance(stderr, bytes) else str(stderr if stderr is not None else error)
    )
    return explain(text, otherwise)

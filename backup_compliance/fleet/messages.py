"""What travels between this runner and workers: orders of plain values, and answers that are checked when they arrive.

A worker sits in a network of its own, beside hostile guests: what it sends is input like any other.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from backup_compliance import __version__
from backup_compliance.guest.probe_output import OUTPUT_LIMIT
from backup_compliance.guest.recording import judge_output, mask_output
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.model.recorded import Problem, ReadProblem, RecordedGuest, RecordedSubscription
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.platform.arm.replies import redact_document
from backup_compliance.platform.estate.resource_types import RESOURCE_TYPES, SUBSCRIPTION_ID

PACKAGE: Final = "azure-backup-compliance"
DOCUMENT_LIMIT: Final = 512 * 2**20
"""Bytes of one of ARM's lists."""
TEXT_LIMIT: Final = 600
PROBLEM_LIMIT: Final = 100_000
_ID: Final = re.compile(SUBSCRIPTION_ID)
A = TypeVar("A", bound="WorkerReply")


TaskMessage = dict[str, Any]
"""What a worker is to do."""


class WorkerReply(msgspec.Struct, frozen=True):
    """What every worker says, of whichever version."""

    version: str


class GuestAnswer(WorkerReply, frozen=True, forbid_unknown_fields=True):
    """A guest as a worker read it."""

    name: str
    output: bytes
    missing: str = ""
    """What kept it from being read; empty for nothing."""
    remedy: str = ""


class SubscriptionAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A subscription as a worker read it."""

    id: str
    documents: dict[str, bytes]
    problems: list[ReadProblem]


class PlatformAnswer(WorkerReply, frozen=True, forbid_unknown_fields=True):
    """What a worker read through ARM, or why nothing could be read."""

    subscriptions: list[SubscriptionAnswer] = []
    error: str = ""


class RightsAnswer(WorkerReply, frozen=True, forbid_unknown_fields=True):
    """What a worker may read through ARM: subscription, what is said of a right, whether it works."""

    rights: list[tuple[str, str, bool]] = []
    error: str = ""


class Unexpected(Exception):
    """An answer that is none; holds the problem."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.reason)


def guest_order(target: Target, options: Mapping[str, Any], command: str, timeout: float) -> TaskMessage:
    """To read one guest: names and paths, no file's content, and the probe's own text."""
    told = {"name": target.name, "spec": target.spec, "connection": target.connection, "segment": target.segment}
    return {**told, "options": dict(options), "command": command, "timeout": timeout}


def received(answer: object, kind: type[A]) -> A:
    """`answer` as what it must be.

    Raises:
        Unexpected: it comes from another version of this suite, or is something else altogether.
    """
    try:
        version = msgspec.convert(answer, WorkerReply).version
        if version != __version__:
            raise Unexpected(
                Problem(
                    f"its worker has {PACKAGE} {printable(version, 40)}, this runner {__version__}",
                    "install the same version there",
                )
            )
        return msgspec.convert(answer, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        told = printable(str(error), 120)
        problem = Problem(
            f"invalid reply from its worker: {told}", "look at that worker; install the same version there"
        )
        raise Unexpected(problem) from error


def validate_guest(target: Target, answer: object, lost: Problem | None = None) -> RecordedGuest:
    """The guest in a worker's answer, judged here once more, by this runner's clock; or why there is no answer."""
    now = datetime.now(UTC)
    if lost is not None:
        return RecordedGuest(target.name, read_at=now, problem=lost)
    try:
        found = received(answer, GuestAnswer)
    except Unexpected as error:
        return RecordedGuest(target.name, read_at=now, problem=error.problem)
    if found.name != target.name:
        other = printable(found.name, 60)
        return RecordedGuest(
            target.name, read_at=now, problem=Problem(f"its worker answered for another host, {other}")
        )
    output = mask_output(found.output[:OUTPUT_LIMIT])
    told = Problem(printable(found.missing, TEXT_LIMIT), printable(found.remedy, TEXT_LIMIT)) if found.missing else None
    return RecordedGuest(target.name, output, now, told or judge_output(output))


def received_subscriptions(asked: str, answer: PlatformAnswer) -> Sequence[RecordedSubscription]:
    """The subscriptions in a worker's answer: the one that was `asked` for, or any where that is empty.

    Raises:
        Unexpected: what is no list of ARM's, or nobody asked for.
    """
    now = datetime.now(UTC)
    found = []
    ids = [each.id for each in answer.subscriptions]
    if (asked and ids != [asked]) or not ids or len(set(ids)) < len(ids):
        raise Unexpected(Problem("its worker answered for other subscriptions, or for none", "look at that worker"))
    for each in answer.subscriptions:
        strange = [kind for kind in (*each.documents, *(p.type for p in each.problems)) if kind not in RESOURCE_TYPES]
        too_long = [kind for kind, text in each.documents.items() if len(text) > DOCUMENT_LIMIT]
        if strange or too_long or not _ID.fullmatch(each.id):
            raise Unexpected(Problem("its worker's answer holds what nobody asked for", "look at that worker"))
        problems = tuple(
            ReadProblem(
                p.type, printable(p.reason, TEXT_LIMIT), printable(p.remedy, TEXT_LIMIT), printable(p.scope, 2000)
            )
            for p in each.problems[:PROBLEM_LIMIT]
        )
        found.append(RecordedSubscription(each.id, _kept(each.documents), now, problems))
    return found


def _kept(documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """What a worker may have left in is left out here."""
    try:
        return {kind: redact_document(kind, text) for kind, text in documents.items()}
    except Unreadable as error:
        raise Unexpected(Problem(f"invalid reply from its worker: {error.reason}", "look at that worker")) from error

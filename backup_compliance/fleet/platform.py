"""Reads subscriptions through workers that hold the resource `azure`, each with its own credential."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final, TypeVar

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.fleet.messages import (
    PlatformAnswer,
    RightsAnswer,
    TaskMessage,
    Unexpected,
    received,
    received_subscriptions,
)
from backup_compliance.fleet.worker import check_rights_here, read_platform_here
from backup_compliance.fleet.worker_queues import Engine, Job, Timeouts, run_jobs
from backup_compliance.model.recorded import Problem, ReadProblem, RecordedSubscription
from backup_compliance.model.sanitize import printable
from backup_compliance.platform.estate.resource_types import ON_REQUEST, RESOURCE_TYPES
from backup_compliance.platform.request import AzureRequest

AZURE: Final = "azure"
"""The resource of workers that may ask ARM."""
LONGEST: Final = 1800.0
"""Seconds that one subscription or management group may take."""
_NO_LISTS: Final = (*ON_REQUEST, "effectiveRoutes", "restorePoints")
"""Missing only where something was asked and not answered."""
A = TypeVar("A", PlatformAnswer, RightsAnswer)


def read_subscriptions_on(
    engine: Engine, patience: Timeouts, request: AzureRequest, progress: Callable[[int, int], None]
) -> tuple[RecordedSubscription, ...]:
    """As `platform.read.read_subscriptions` does from here; a subscription whose worker is lost has none of its lists.

    Raises:
        ConfigurationError: a worker has no way into Azure, or what is below a management group is not known.
    """
    found: dict[str, RecordedSubscription] = {}
    asked = _asked(engine, patience, request, read_platform_here, PlatformAnswer)
    for done, (kind, name, answer) in enumerate(asked, 1):
        for each in _subscriptions(kind, name, answer):
            if each.id not in found or kind == "subscription":
                found[each.id] = each
        progress(done, len(request.subscriptions) + len(request.management_groups))
    below = sorted(set(found) - set(request.subscriptions))
    return tuple(found[name] for name in (*request.subscriptions, *below))


def _subscriptions(kind: str, name: str, answer: PlatformAnswer | Problem) -> Sequence[RecordedSubscription]:
    """What an answer holds; for a subscription that nobody read, what is missing of it."""
    try:
        if not isinstance(answer, Problem):
            return received_subscriptions(name if kind == "subscription" else "", answer)
        problem = answer
    except Unexpected as error:
        problem = error.problem
    if kind != "subscription":
        raise ConfigurationError(f"--{kind}: {name}: {_told(problem)}")
    return [_unread(name, problem)]


def check_rights_on(engine: Engine, patience: Timeouts, request: AzureRequest) -> list[tuple[str, str, bool]]:
    """Each right in each subscription: the subscription, what is said of it, whether it works; by workers' credentials.

    Raises:
        ConfigurationError: a worker has no way into Azure.
    """
    found: list[tuple[str, str, bool]] = []
    for kind, name, answer in _asked(engine, patience, request, check_rights_here, RightsAnswer):
        if isinstance(answer, Problem):
            found.append((name, f"MISSING  {kind}: {_told(answer)}", False))
        else:
            found += [(printable(s, 90), printable(told, 600), works) for s, told, works in answer.rights]
    return sorted(found, key=lambda right: right[0])


def _asked(
    engine: Engine, patience: Timeouts, request: AzureRequest, task: Callable[..., object], kind: type[A]
) -> Iterator[tuple[str, str, A | Problem]]:
    """Each subscription and management group with what its worker said."""
    jobs = [Job(("subscription", name), AZURE, task, _order(request, [name], [])) for name in request.subscriptions]
    jobs += [Job(("management-group", n), AZURE, task, _order(request, [], [n])) for n in request.management_groups]
    for ended in run_jobs(engine, jobs, LONGEST, patience):
        what, name = ended.job.subject
        answer: A | Problem
        try:
            answer = ended.problem or received(ended.answer, kind)
        except Unexpected as error:
            answer = error.problem
        if not isinstance(answer, Problem) and answer.error:
            raise ConfigurationError(
                f"--{what}: {name}: a worker with the resource {AZURE} says: {printable(answer.error, 600)}"
            )
        yield what, name, answer


def _order(request: AzureRequest, subscriptions: list[str], groups: list[str]) -> TaskMessage:
    return {**asdict(request), "subscriptions": subscriptions, "management_groups": groups}


def _unread(name: str, problem: Problem) -> RecordedSubscription:
    missing = tuple(ReadProblem(k, problem.reason, problem.remedy) for k in RESOURCE_TYPES if k not in _NO_LISTS)
    return RecordedSubscription(name, {}, datetime.now(UTC), missing)


def _told(problem: Problem) -> str:
    return "; ".join(part for part in (problem.reason, problem.remedy) if part)

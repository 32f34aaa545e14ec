"""Reads subscriptions through ARM: every list once, all of them side by side, then what hangs on them.

Nothing here raises for one list: what could not be read is a `ReadProblem` on exactly that, and a list that was read in
part counts as not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.model.arm_json import text_at
from backup_compliance.model.recorded import ReadProblem, RecordedSubscription
from backup_compliance.model.verdicts import Unreadable
from backup_compliance.platform.arm.client import Clients, Connection, open_clients, open_session
from backup_compliance.platform.arm.clouds import CloudEndpoint
from backup_compliance.platform.arm.credentials import find_credential
from backup_compliance.platform.arm.graph import find_subscriptions, restore_points_question
from backup_compliance.platform.arm.live_queries import live_questions, watchers_question
from backup_compliance.platform.arm.metrics_queries import metrics_questions
from backup_compliance.platform.arm.operations import effective_routes_questions
from backup_compliance.platform.arm.pace import ArmLimits
from backup_compliance.platform.arm.queries import (
    LISTS,
    ArmQuery,
    admin_rules_question,
    instance_view_questions,
    list_questions,
    restore_point_questions,
    service_tags_questions,
    vault_questions,
)
from backup_compliance.platform.arm.query_runner import Answers, Progress, QueryRunner
from backup_compliance.platform.arm.replies import document
from backup_compliance.platform.decisions.live import EFFECTIVE_GROUPS, IP_FLOWS, NEXT_HOPS
from backup_compliance.platform.decisions.load import METRICS
from backup_compliance.platform.decisions.routing import EFFECTIVE_ROUTES
from backup_compliance.platform.estate.lookup import Estate, open_estate
from backup_compliance.platform.estate.restore_points import COLLECTIONS, POINTS

OF_VAULTS: Final = ("backupProtectedItems", "backupPolicies", "backupJobs")
_OPTIONAL: Final = (EFFECTIVE_ROUTES,)
"""Missing only where something was asked and not answered."""


def utc_now() -> datetime:
    """The collector's clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Scope:
    """What to read."""

    subscriptions: Sequence[str] = ()
    """Ids, lower case."""
    management_groups: Sequence[str] = ()
    verify_live: bool = False
    """Whether Network Watcher and the effective rules and routes are asked where egress is not plainly allowed."""


def read_subscriptions(
    scope: Scope,
    endpoint: CloudEndpoint,
    limits: ArmLimits,
    progress: Progress = lambda done, of: None,
    now: Callable[[], datetime] = utc_now,
) -> tuple[RecordedSubscription, ...]:
    """Every subscription of `scope`, those of management groups last.

    Args:
        scope: what one credential may read.
        endpoint: where ARM is, from `endpoint_of`.
        limits: pace, retries and time-outs for each subscription.
        progress: told after every answer, in this thread.
        now: UTC.

    Raises:
        ConfigurationError: there is no credential, ARM takes it for none of the lists, or a subscription is not there.
    """
    with open_readings(scope, endpoint, limits, progress) as (asking, readings):
        for stage in stages(scope):
            asking.ask(_in_turn(readings, [stage(r, now()) for r in readings]))
        return tuple(reading.recorded(now()) for reading in readings)


@contextmanager
def open_readings(
    scope: Scope, endpoint: CloudEndpoint, limits: ArmLimits, progress: Progress
) -> Iterator[tuple[QueryRunner, list[Reading]]]:
    """A reading of each subscription, its lists read, for further questions; nothing leaves any more afterwards.

    Arguments and errors as of `read_subscriptions`.
    """
    credential = find_credential(endpoint)
    with open_session(limits) as session:
        connection = Connection(endpoint, credential, session, limits)
        asking = QueryRunner(progress, limits)
        try:
            below = find_subscriptions(connection, scope.management_groups, asking)
            ids = dict.fromkeys((*scope.subscriptions, *below))
            readings = [Reading(open_clients(i, connection)) for i in ids]
            asking.ask(_in_turn(readings, [list_questions(r.clients) for r in readings]))
            for reading in readings:
                if reading.id in scope.subscriptions:
                    reading.check_whole()
            yield asking, readings
        finally:
            connection.over.set()


def _in_turn(
    readings: Sequence[Reading], questions: Sequence[Iterable[ArmQuery]]
) -> Iterator[tuple[Reading, ArmQuery]]:
    """A question of each subscription after the other: each has a rate limit of its own, and none is read alone at that pace."""
    # a single one's first questions may go out at once; what several are derived from is not held side by side
    found = questions if len(readings) == 1 else [list(each) for each in questions]
    left = deque(zip(readings, map(iter, found), strict=True))
    while left:
        reading, further = left.popleft()
        if (question := next(further, None)) is not None:
            yield reading, question
            left.append((reading, further))


class Reading(Answers):
    """What was read of one subscription so far."""

    def __init__(self, clients: Clients) -> None:
        super().__init__()
        self.clients = clients
        self.id = clients.subscription

    def check_whole(self) -> None:
        """What keeps every list from being read is no fault of a list."""
        if self.entries or len(self.problems) < len(LISTS):
            return
        told = {problem.reason for problem in self.problems}
        if len(told) == 1 and (only := told.pop()).startswith(("401", "404", "400")):
            hint = self.problems[0].remedy if only.startswith("401") else "check the id, the tenant and --cloud"
            raise ConfigurationError(f"--subscription: {self.id} cannot be read: {only}; {hint}")

    def recorded(self, at: datetime) -> RecordedSubscription:
        """What there is so far, as it is judged and saved."""
        documents = {
            kind: entries[0] if kind == "serviceTags" else document(entries) for kind, entries in self.entries.items()
        }
        # a refusal of Resource Graph is nobody's loss: what it did not tell is asked of each collection
        told = (p for p in self.problems if p.type != POINTS or p.scope)
        problems = sorted(told, key=lambda p: (p.type, p.scope))
        return RecordedSubscription(self.id, documents, at, tuple(problems))

    def further(self, now: datetime) -> Iterator[ArmQuery]:
        """What the lists lead to: vaults, running machines, networks, the region's service tags, restore points."""
        estate, clients = open_estate([self.recorded(now)]), self.clients
        networks = self._ids(estate, "virtualNetworks")
        if COLLECTIONS in self.entries:  # first, as page follows page
            yield restore_points_question(clients)
        yield from self._after(OF_VAULTS, self._of_vaults(estate, now))
        yield from self._after(("instanceViews",), instance_view_questions(clients, estate, self.id))
        yield from self._after(("securityAdminRules",), (admin_rules_question(clients, n) for n in networks))
        yield from self._after(("serviceTags",), service_tags_questions(clients, estate, self.id))
        yield from self._after((EFFECTIVE_ROUTES,), effective_routes_questions(clients, estate, self.id))

    def last(self, now: datetime) -> Iterator[ArmQuery]:
        """What jobs and restore points lead to."""
        estate, clients = open_estate([self.recorded(now)]), self.clients
        yield from self._after((METRICS,), metrics_questions(clients, estate, self.id, now))
        if COLLECTIONS in self.entries:
            yield from self._after((POINTS,), restore_point_questions(clients, estate, self.id))

    def watchers(self, now: datetime) -> Iterator[ArmQuery]:  # noqa: ARG002  # a stage like the others
        """Who could verify anything."""
        yield watchers_question(self.clients)

    def live(self, now: datetime) -> Iterator[ArmQuery]:
        """What Azure itself says where egress is not plainly allowed."""
        estate = open_estate([self.recorded(now)])
        questions = live_questions(self.clients, estate, self.id)
        yield from self._after((EFFECTIVE_GROUPS, IP_FLOWS, NEXT_HOPS), questions)

    def _after(self, kinds: Sequence[str], questions: Iterable[ArmQuery]) -> list[ArmQuery]:
        """The questions, none of them answered yet; or why they cannot be asked."""
        try:
            found = list(questions)
        except Unreadable as error:
            self.problems += [ReadProblem(k, error.reason, error.remedy) for k in kinds if k not in _OPTIONAL]
            return []
        for kind in kinds:
            if kind not in ("serviceTags", *_OPTIONAL):  # the one is a reply of its own
                self.entries.setdefault(kind, [])
        return found

    def _of_vaults(self, estate: Estate, now: datetime) -> Iterator[ArmQuery]:
        for vault in self._ids(estate, "vaults"):
            yield from vault_questions(self.clients, vault, now)

    def _ids(self, estate: Estate, kind: str) -> Iterator[str]:
        for record in estate.listing(self.id, kind).resources.values():
            yield text_at(record, "id")


def stages(scope: Scope) -> tuple[Callable[[Reading, datetime], Iterator[ArmQuery]], ...]:
    """What is asked once the lists are there, each stage knowing the answers to those before."""
    always = Reading.further, Reading.last
    return (*always, Reading.watchers, Reading.live) if scope.verify_live else always

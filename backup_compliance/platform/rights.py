"""`--check-access` for Azure: every action that reading would take is tried once, on one page or one resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from backup_compliance.platform.arm_client import Connection, open_clients, open_session
from backup_compliance.platform.arm_pace import Limits
from backup_compliance.platform.arm_questions import Question, list_questions
from backup_compliance.platform.asking import Asking
from backup_compliance.platform.clouds import Endpoint
from backup_compliance.platform.credentials import find_credential
from backup_compliance.platform.graph import find_subscriptions
from backup_compliance.platform.read import STAGES, Reading, Scope, utc_now
from backup_compliance.platform.resource_types import ON_REQUEST, RESOURCE_TYPES


@dataclass(frozen=True, slots=True)
class Right:
    """One action in one subscription: it works, it does not, or reading would not take it there."""

    subscription: str
    action: str
    tried: bool
    missing: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        if not self.tried:
            return f"-        {self.action} (nothing there that takes it)"
        return f"MISSING  {self.action}: {self.missing}; {self.remedy}" if self.missing else f"works    {self.action}"


def check_rights(
    scope: Scope, endpoint: Endpoint, limits: Limits, now: Callable[[], datetime] = utc_now
) -> tuple[Right, ...]:
    """Each action in each subscription of `scope`; arguments and errors as of `read_subscriptions`.

    What is tried is what would be read: a right that nothing there calls for is not asked for.
    """
    credential = find_credential(endpoint)
    once = replace(limits, first_page_only=True)
    with open_session(once) as session:
        connection = Connection(endpoint, credential, session, once)
        ids = dict.fromkeys((*scope.subscriptions, *find_subscriptions(connection, scope.management_groups)))
        readings = [_Trying(i, open_clients(i, connection)) for i in ids]
        asking = Asking(lambda done, of: None, once)
        asking.ask((r, q) for r in readings for q in r.noted(list_questions(r.clients)))
        for reading in readings:
            reading.check_whole()
        for stage in STAGES if scope.verify_live else STAGES[:2]:
            asking.ask((r, q) for r in readings for q in r.noted(_first_of_each_kind(stage(r, now()))))
        wanted = [kind for kind in RESOURCE_TYPES if scope.verify_live or kind not in ON_REQUEST]
        return tuple(right for reading in readings for right in reading.rights(wanted))


@dataclass
class _Trying(Reading):
    """A reading that remembers what it tried."""

    def __post_init__(self) -> None:
        self.tried: set[str] = set()

    def noted(self, questions: Iterable[Question]) -> Iterator[Question]:
        for question in questions:
            self.tried.add(question.kind)
            yield question

    def rights(self, kinds: Iterable[str]) -> Iterator[Right]:
        """One for each action, by the first of its questions that failed."""
        by_action: dict[str, list[str]] = {}
        for kind in kinds:
            by_action.setdefault(RESOURCE_TYPES[kind], []).append(kind)
        for action, of_action in sorted(by_action.items()):
            tried = [kind for kind in of_action if kind in self.tried]
            problem = next((p for p in self.problems if p.type in tried), None)
            told = (problem.missing, problem.remedy) if problem is not None else ()
            yield Right(self.id, action, bool(tried), *told)


def _first_of_each_kind(questions: Iterable[Question]) -> Iterator[Question]:
    seen: set[str] = set()
    for question in questions:
        if question.kind not in seen:
            seen.add(question.kind)
            yield question

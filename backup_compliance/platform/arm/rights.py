"""`--check-access` for Azure: every action that reading would take is tried once, on one page or one resource."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from backup_compliance.model.recorded import ReadProblem
from backup_compliance.platform.arm.clouds import CloudEndpoint
from backup_compliance.platform.arm.pace import ArmLimits
from backup_compliance.platform.arm.queries import LISTS, ArmQuery
from backup_compliance.platform.arm.read import Reading, Scope, open_readings, stages, utc_now
from backup_compliance.platform.estate.resource_types import ON_REQUEST, RESOURCE_TYPES


@dataclass(frozen=True, slots=True)
class Right:
    """One action in one subscription: it works, it does not, or reading would not take it there."""

    subscription: str
    action: str
    tried: bool
    problem: ReadProblem | None = None

    @property
    def is_missing(self) -> bool:
        """Whether somebody has to grant it, or to give a token."""
        return self.problem is not None and _REFUSED.search(self.problem.reason) is not None

    def __str__(self) -> str:
        if self.problem is not None:
            word = "MISSING" if self.is_missing else "failed "
            return f"{word}  {self.action}: {self.problem.reason}; {self.problem.remedy}"
        return f"works    {self.action}" if self.tried else f"-        {self.action} (nothing was seen that takes it)"


_REFUSED: Final = re.compile(r"\b40[13]\b|_TOKEN\b|gave no token")


def check_rights(
    scope: Scope, endpoint: CloudEndpoint, limits: ArmLimits, now: Callable[[], datetime] = utc_now
) -> tuple[Right, ...]:
    """Each action in each subscription of `scope`; arguments and errors as of `read_subscriptions`.

    What is tried is what would be read: a right that nothing on the first pages calls for is not asked for.
    """
    once = replace(limits, first_page_only=True)
    tried: dict[str, set[str]] = {}

    def noted(reading: Reading, questions: Iterable[ArmQuery]) -> Iterator[tuple[Reading, ArmQuery]]:
        """The first question of each kind."""
        seen = tried.setdefault(reading.id, set(LISTS))
        for question in questions:
            if question.kind not in seen:
                seen.add(question.kind)
                yield reading, question

    with open_readings(scope, endpoint, once, lambda done, of: None) as (asking, readings):
        for stage in stages(scope):
            asking.ask(pair for r in readings for pair in noted(r, stage(r, now())))
    wanted = [kind for kind in RESOURCE_TYPES if scope.verify_live or kind not in ON_REQUEST]
    return tuple(right for r in readings for right in _rights(r, wanted, tried[r.id]))


def _rights(reading: Reading, kinds: Iterable[str], tried: set[str]) -> Iterator[Right]:
    """One for each action, by the first of its questions that failed, or that could not even be put."""
    by_action: dict[str, list[str]] = {}
    for kind in kinds:
        by_action.setdefault(RESOURCE_TYPES[kind], []).append(kind)
    for action, of_action in sorted(by_action.items()):
        problem = next((p for p in reading.problems if p.type in of_action), None)
        yield Right(reading.id, action, not tried.isdisjoint(of_action), problem)

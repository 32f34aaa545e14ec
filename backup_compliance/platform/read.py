"""Reads subscriptions through ARM: every list once, all of them side by side, then what hangs on them.

Nothing here raises for one list: what could not be read is a `ReadProblem` on exactly that, and a list that was read in
part counts as not read.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from backup_compliance.arm_json import as_record, text_at
from backup_compliance.configuration import ConfigurationError
from backup_compliance.platform.arm_client import Clients, Endpoint, find_credential, open_clients, open_session
from backup_compliance.platform.arm_policies import Limits, Refused
from backup_compliance.platform.arm_questions import (
    LISTS,
    Question,
    admin_rules_question,
    instance_view_questions,
    list_questions,
    restore_point_questions,
    service_tags_questions,
    vault_questions,
)
from backup_compliance.platform.arm_replies import AGAIN, document
from backup_compliance.platform.estate import Estate, open_estate
from backup_compliance.platform.restore_points import COLLECTIONS, is_of_backup
from backup_compliance.recorded import ReadProblem, RecordedSubscription
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import Unreadable

Progress = Callable[[int, int], None]
"""Told how many questions are answered, and how many there are so far."""
NETWORK: Final = "look at the network, the proxy (HTTPS_PROXY) and the CA bundle (REQUESTS_CA_BUNDLE) here"
OF_VAULTS: Final = ("backupProtectedItems", "backupPolicies", "backupJobs")


def utc_now() -> datetime:
    """The collector's clock."""
    return datetime.now(UTC)


def read_subscriptions(
    ids: Sequence[str],
    endpoint: Endpoint,
    limits: Limits,
    progress: Progress = lambda done, of: None,
    now: Callable[[], datetime] = utc_now,
) -> tuple[RecordedSubscription, ...]:
    """Every subscription of `ids` (lower case), in that order.

    Args:
        ids: subscriptions that one credential may read.
        endpoint: where ARM is, from `endpoint_of`.
        limits: pace, retries and time-outs for each subscription.
        progress: told after every answer, in this thread.
        now: UTC.

    Raises:
        ConfigurationError: there is no credential, ARM takes it for none of the lists, or a subscription is not there.
    """
    credential = find_credential(endpoint)
    with open_session(limits) as session:
        readings = [_Reading(i, open_clients(i, endpoint, credential, session, limits), limits) for i in ids]
        asking = _Asking(progress, limits)
        asking.ask((r, q) for r in readings for q in list_questions(r.clients, limits.list_bytes))
        for reading in readings:
            reading.check_whole()
        asking.ask((r, q) for r in readings for q in r.further(now()))
        return tuple(reading.recorded(now()) for reading in readings)


def _is_of_backup(entry: bytes) -> bool:
    return is_of_backup(text_at(as_record(json.loads(entry)) or {}, "id"))


@dataclass
class _Reading:
    """What was read of one subscription so far."""

    id: str
    clients: Clients
    limits: Limits
    entries: dict[str, list[bytes]] = field(default_factory=dict)
    problems: list[ReadProblem] = field(default_factory=list)

    def check_whole(self) -> None:
        """What keeps every list from being read is no fault of a list."""
        if self.entries or len(self.problems) < len(LISTS):
            return
        told = {problem.missing for problem in self.problems}
        if len(told) == 1 and (only := told.pop()).startswith(("401", "404", "400")):
            hint = self.problems[0].remedy if only.startswith("401") else "check the id, the tenant and --cloud"
            raise ConfigurationError(f"--subscription: {self.id} cannot be read: {only}; {hint}")

    def recorded(self, at: datetime) -> RecordedSubscription:
        documents = {
            kind: entries[0] if kind == "serviceTags" else document(entries) for kind, entries in self.entries.items()
        }
        problems = sorted(self.problems, key=lambda p: (p.type, p.scope))
        return RecordedSubscription(self.id, documents, at, tuple(problems))

    def further(self, now: datetime) -> Iterator[Question]:
        """What the lists lead to: vaults, running machines, networks, the region's service tags."""
        estate, clients, limit = open_estate([self.recorded(now)]), self.clients, self.limits.list_bytes
        networks = self._ids(estate, "virtualNetworks")
        yield from self._after(OF_VAULTS, self._of_vaults(estate, now))
        yield from self._after(("instanceViews",), instance_view_questions(clients, limit, estate, self.id))
        if COLLECTIONS in self.entries:
            others = [e for e in self.entries[COLLECTIONS] if not _is_of_backup(e)]
            yield from self._after((COLLECTIONS,), restore_point_questions(clients, limit, estate, self.id))
            self.entries[COLLECTIONS] += others  # the others come once more, with their points
        yield from self._after(("securityAdminRules",), (admin_rules_question(clients, limit, n) for n in networks))
        yield from self._after(("serviceTags",), service_tags_questions(clients, limit, estate, self.id))

    def _after(self, kinds: Sequence[str], questions: Iterable[Question]) -> list[Question]:
        """The questions, none of them answered yet; or why they cannot be asked."""
        try:
            found = list(questions)
        except Unreadable as error:
            self.problems += [ReadProblem(kind, error.missing, error.remedy) for kind in kinds]
            return []
        for kind in kinds:
            if kind != "serviceTags":  # which is one reply, or none
                self.entries[kind] = []
        return found

    def _of_vaults(self, estate: Estate, now: datetime) -> Iterator[Question]:
        for vault in self._ids(estate, "vaults"):
            yield from vault_questions(self.clients, self.limits.list_bytes, vault, now)

    def _ids(self, estate: Estate, kind: str) -> Iterator[str]:
        for record in estate.listing(self.id, kind).resources.values():
            yield text_at(record, "id")


class _Asking:
    """Puts questions side by side and files the answers; all bookkeeping is in the thread that asks."""

    def __init__(self, progress: Progress, limits: Limits) -> None:
        self._progress = progress
        self._limits = limits
        self._done = self._all = 0

    def ask(self, questions: Iterable[tuple[_Reading, Question]]) -> None:
        asked = list(questions)
        self._all += len(asked)
        answers = dict(self._answers([question for _, question in asked]))
        late = f"ARM did not answer within {self._limits.patience:g} seconds"
        for number, (reading, question) in enumerate(asked):  # in this order, so that two readings can be compared
            found = answers.get(number, ReadProblem(question.kind, late, NETWORK, question.scope))
            if isinstance(found, ReadProblem):
                reading.problems.append(found)
            else:
                reading.entries.setdefault(question.kind, []).extend(found)

    def _answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[bytes] | ReadProblem]]:
        """Answers by number, as they come; none for what is still open when nothing came for too long."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, list[bytes] | ReadProblem]] = queue.SimpleQueue()
        for number in range(len(questions)):
            waiting.put(number)

        def work() -> None:
            while (number := _next(waiting)) is not None:
                done.put((number, answer(questions[number], self._limits)))

        # daemons: a reply that trickles in for ever, or a pause before a retry, must not outlive Ctrl-C
        for _ in range(min(self._limits.connections, len(questions))):
            threading.Thread(target=work, daemon=True).start()
        try:
            for _ in questions:
                yield done.get(timeout=self._limits.patience)
                self._done += 1
                self._progress(self._done, self._all)
        except queue.Empty:
            return
        finally:
            while _next(waiting) is not None:
                pass


def _next(waiting: queue.SimpleQueue[int]) -> int | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


def answer(question: Question, limits: Limits) -> list[bytes] | ReadProblem:
    """Raw entries, or the problem that whatever was raised comes to."""
    try:
        return question.ask()
    except Unreadable as error:
        missing, remedy = error.missing, error.remedy
    except Refused as error:
        missing, remedy = f"its next page was not asked for: {error}", "look who answers in ARM's place"
    except ClientAuthenticationError as error:
        missing, remedy = f"the credential gave no token: {printable(str(error), 160)}", "sign in again"
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError):
        missing, remedy = f"ARM did not answer within {limits.read_timeout:g} seconds", NETWORK
    except AzureError as error:
        cause = str(error).rpartition("(Caused by ")[2]  # behind urllib3's long account of the URL
        missing, remedy = f"the connection to ARM failed: {printable(cause, 200)}", NETWORK
    except Exception as error:  # noqa: BLE001  # a library's fault must stay this list's own
        missing, remedy = f"the reply could not be handled: {type(error).__name__}: {printable(str(error), 160)}", AGAIN
    return ReadProblem(question.kind, missing, remedy, question.scope)

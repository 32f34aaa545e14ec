"""Puts questions to ARM side by side, and files answers and problems where they belong."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from backup_compliance.model.recorded import ReadProblem
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable
from backup_compliance.platform.arm.credentials import NoToken
from backup_compliance.platform.arm.pace import ArmLimits
from backup_compliance.platform.arm.policies import Refused
from backup_compliance.platform.arm.queries import ArmQuery

Progress = Callable[[int, int], None]
"""Told how many questions are answered, and how many there are so far."""
NETWORK: Final = "look at the network, the proxy (HTTPS_PROXY) and the CA bundle (REQUESTS_CA_BUNDLE) here"


@dataclass
class Answers:
    """Where answers are filed."""

    entries: dict[str, list[bytes]] = field(default_factory=dict)
    """Raw entries by recorded type."""
    problems: list[ReadProblem] = field(default_factory=list)
    """What could not be read."""


class QueryRunner:
    """Puts questions side by side and files the answers; all bookkeeping is in the thread that asks."""

    def __init__(self, progress: Progress, limits: ArmLimits) -> None:
        self._progress = progress
        self._limits = limits
        self._done = self._all = 0

    def ask(self, questions: Iterable[tuple[Answers, ArmQuery]]) -> None:
        """Every answer is filed when this returns; what did not answer in time is a problem like any other."""
        asked: list[tuple[Answers, ArmQuery]] = []
        answers = dict(self._answers(questions, asked))
        late = Unreadable(
            f"its answer was not complete when nothing had come for {self._limits.patience:g} seconds", NETWORK
        )
        for number, (reading, question) in enumerate(asked):  # in this order, so that two readings can be compared
            found = answers.get(number, late)
            if isinstance(found, Unreadable):
                reading.problems.extend(question.problems(found.reason, found.remedy))
            else:
                reading.entries.setdefault(question.kind, []).extend(found)

    def _answers(
        self, questions: Iterable[tuple[Answers, ArmQuery]], asked: list[tuple[Answers, ArmQuery]]
    ) -> Iterator[tuple[int, list[bytes] | Unreadable]]:
        """Answers by number in `asked`, as they come; none for what is still open when nothing came for too long.

        The first questions are on their way while further ones are still being thought of.
        """
        waiting: queue.SimpleQueue[tuple[int, ArmQuery] | None] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, list[bytes] | Unreadable]] = queue.SimpleQueue()

        def work() -> None:
            while (found := waiting.get()) is not None:
                number, question = found
                done.put((number, answer(question, self._limits)))

        try:
            for number, (reading, question) in enumerate(questions):
                asked.append((reading, question))
                waiting.put((number, question))
                self._all += 1
                if number < self._limits.connections:
                    # daemons: a reply that trickles in for ever, or a pause before a retry, must not outlive Ctrl-C
                    threading.Thread(target=work, daemon=True).start()
            for _ in asked:
                yield done.get(timeout=self._limits.patience)
                self._done += 1
                self._progress(self._done, self._all)
        except queue.Empty:
            return
        finally:
            _empty(waiting)
            for _ in range(self._limits.connections):
                waiting.put(None)


def _empty(waiting: queue.SimpleQueue[Any]) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            waiting.get_nowait()


def answer(question: ArmQuery, limits: ArmLimits) -> list[bytes] | Unreadable:
    """Raw entries, or what was missing and what to do, whatever was raised."""
    try:
        return question.ask()
    except Unreadable as error:
        return error.again()
    except Refused as error:
        return Unreadable(f"it was not followed: {error}", "look who answers in ARM's place")
    except NoToken as error:
        return Unreadable(printable(str(error), 200), "give that token too, or sign in (az login, a managed identity)")
    except ClientAuthenticationError as error:
        return Unreadable(f"the credential gave no token: {printable(str(error), 160)}", "sign in again")
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError):
        return Unreadable(f"ARM did not answer within {limits.read_timeout:g} seconds", NETWORK)
    except DecodeError:
        return Unreadable("the reply is cut off or no JSON", RECOLLECT)
    except HttpResponseError as error:
        code = error.error.code if error.error is not None else ""
        return Unreadable(f"Azure ended it with {printable(str(code or error.message), 120)}", RECOLLECT)
    except AzureError as error:
        cause = str(error).rpartition("(Caused by ")[2]  # behind urllib3's long account of the URL
        return Unreadable(f"the connection to ARM failed: {printable(cause, 200)}", NETWORK)
    except Exception as error:  # noqa: BLE001  # a library's fault must stay this list's own
        told = f"{type(error).__name__}: {printable(str(error), 160)}"
        return Unreadable(f"the reply could not be handled: {told}", RECOLLECT)

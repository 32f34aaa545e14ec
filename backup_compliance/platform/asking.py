"""Puts questions to ARM side by side, and files answers and problems where they belong."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestTimeoutError,
    ServiceResponseTimeoutError,
)

from backup_compliance.platform.arm_pace import Limits
from backup_compliance.platform.arm_policies import Refused
from backup_compliance.platform.arm_questions import Question
from backup_compliance.platform.arm_replies import AGAIN
from backup_compliance.platform.credentials import NoToken
from backup_compliance.recorded import ReadProblem
from backup_compliance.untrusted import printable
from backup_compliance.verdicts import Unreadable

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


class Asking:
    """Puts questions side by side and files the answers; all bookkeeping is in the thread that asks."""

    def __init__(self, progress: Progress, limits: Limits) -> None:
        self._progress = progress
        self._limits = limits
        self._done = self._all = 0

    def ask(self, questions: Iterable[tuple[Answers, Question]]) -> None:
        """Every answer is filed when this returns; what did not answer in time is a problem like any other."""
        asked = list(questions)
        self._all += len(asked)
        answers = dict(self._answers([question for _, question in asked]))
        late = Unreadable(
            f"its answer was not complete when nothing had come for {self._limits.patience:g} seconds", NETWORK
        )
        for number, (reading, question) in enumerate(asked):  # in this order, so that two readings can be compared
            found = answers.get(number, late)
            if isinstance(found, Unreadable):
                reading.problems.extend(question.problems(found.missing, found.remedy))
            else:
                reading.entries.setdefault(question.kind, []).extend(found)

    def _answers(self, questions: Sequence[Question]) -> Iterator[tuple[int, list[bytes] | Unreadable]]:
        """Answers by number, as they come; none for what is still open when nothing came for too long."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[int, list[bytes] | Unreadable]] = queue.SimpleQueue()
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


def answer(question: Question, limits: Limits) -> list[bytes] | Unreadable:
    """Raw entries, or what was missing and what to do, whatever was raised."""
    try:
        return question.ask()
    except Unreadable as error:
        return error.with_traceback(None)
    except Refused as error:
        return Unreadable(f"it was not followed: {error}", "look who answers in ARM's place")
    except NoToken as error:
        return Unreadable(printable(str(error), 200), "give that token too, or sign in (az login, a managed identity)")
    except ClientAuthenticationError as error:
        return Unreadable(f"the credential gave no token: {printable(str(error), 160)}", "sign in again")
    except (ServiceRequestTimeoutError, ServiceResponseTimeoutError):
        return Unreadable(f"ARM did not answer within {limits.read_timeout:g} seconds", NETWORK)
    except DecodeError:
        return Unreadable("the reply is cut off or no JSON", AGAIN)
    except HttpResponseError as error:
        code = error.error.code if error.error is not None else ""
        return Unreadable(f"Azure ended it with {printable(str(code or error.message), 120)}", AGAIN)
    except AzureError as error:
        cause = str(error).rpartition("(Caused by ")[2]  # behind urllib3's long account of the URL
        return Unreadable(f"the connection to ARM failed: {printable(cause, 200)}", NETWORK)
    except Exception as error:  # noqa: BLE001  # a library's fault must stay this list's own
        told = f"{type(error).__name__}: {printable(str(error), 160)}"
        return Unreadable(f"the reply could not be handled: {told}", AGAIN)

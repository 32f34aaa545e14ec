"""Hands jobs to an engine and bounds every way in which it may lose them; knows no engine by name.

A lane is a segment: its jobs, and the workers that hold its resource. No more is handed over than these workers can do at
once, so that a worker that dies takes few with it and Ctrl-C leaves little behind.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from backup_compliance.model.recorded import Problem

TICK: Final = 0.25
"""Seconds after which workers are looked at again where nothing ends."""
ANY: Final = ""
"""The lane of jobs that any worker may do."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an engine is waited for, in seconds."""

    connect: float = 10.0
    """For the scheduler."""
    start: float = 10.0
    """For a segment's first worker."""
    grace: float = 30.0
    """For another one, once a segment has lost its last."""
    slack: float = 30.0
    """Beyond what reading may take, for the way there and back."""


@dataclass(frozen=True, slots=True)
class Job:
    """One thing for one worker."""

    subject: Any
    """What it is about."""
    resource: str
    """What a worker must hold; `ANY` for nothing."""
    task: Callable[..., object]
    argument: object = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of a job: an answer, or the problem that there is none."""

    job: Job
    answer: object = None
    problem: Problem | None = None


class Engine(Protocol):
    """What runs jobs on other machines."""

    @property
    def is_lost(self) -> bool:
        """Whether there is no way to it any more."""

    @property
    def knows_workers(self) -> bool:
        """Whether it has said at least once which workers there are."""

    def slots(self) -> Mapping[str, int]:
        """How many jobs can be done at once, by resource, `ANY` for all together."""

    def submit(self, job: Job) -> Future[object]:
        """Hand over one job."""

    def killed_workers(self, error: BaseException) -> bool:
        """Whether a job ended so because workers died of it, or beside it."""

    def explain(self, error: BaseException) -> Problem:
        """Any other way in which a job fails on a worker."""

    def absent(self, resource: str) -> Problem:
        """The problem of a job for which there is no worker."""


LOST: Final = Problem("the connection to the scheduler was lost", "look at the scheduler, and read again")


def run_jobs(engine: Engine, jobs: Iterable[Job], longest: float, patience: Timeouts) -> Iterator[Ended]:
    """Every job exactly once, as they end.

    Args:
        engine: who runs them.
        jobs: of any resources.
        longest: seconds that one of them may take on a worker.
        patience: beyond that.
    """
    lanes: dict[str, _WorkerQueue] = {}
    for job in jobs:
        lane = lanes.setdefault(job.resource, _WorkerQueue(engine, job.resource, longest, patience))
        lane.waiting.append(job)
    while lanes:
        slots = engine.slots()
        busy = sum(bool(lane.running) for lane in lanes.values())
        for lane in list(lanes.values()):
            yield from lane.step(slots.get(lane.resource, 0), busy, lost=engine.is_lost)
            if lane.is_done:
                del lanes[lane.resource]
        running = [future for lane in lanes.values() for future in lane.running]
        if running:
            wait(running, timeout=TICK, return_when=FIRST_COMPLETED)
        elif lanes:
            time.sleep(TICK)


class _WorkerQueue:
    """The jobs of one resource."""

    def __init__(self, engine: Engine, resource: str, longest: float, patience: Timeouts) -> None:
        self.engine = engine
        self.resource = resource
        self.longest = longest
        self.patience = patience
        self.waiting: deque[Job] = deque()
        self.running: dict[Future[object], Job] = {}
        self.suspects: deque[Job] = deque()
        """Done again one by one at the end: a job that kills its worker is told from those that were beside it."""
        self.convicted: set[int] = set()
        """Which suspects, by identity, are on their last attempt."""
        self.moved = time.monotonic()
        """When something ended last, or began with nothing else under way."""
        self.manned = self.moved
        """When there was a worker last."""
        self.was_manned = False

    @property
    def is_done(self) -> bool:
        """Whether every job has ended."""
        return not (self.waiting or self.running or self.suspects)

    def step(self, slots: int, busy: int, *, lost: bool) -> Iterator[Ended]:
        """Take what ended, give up what is lost, hand over what there is room for; `busy` lanes have jobs under way."""
        for future in [f for f in self.running if f.done()]:
            if (ended := self._ended(self.running.pop(future), future)) is not None:
                yield ended
        now = time.monotonic()
        if slots:
            self.manned, self.was_manned = now, True
        problem = LOST if lost else self._problem(slots, busy, now)
        if problem is not None:
            yield from self._give_up(problem)
            return
        yield from self._fill(slots, now)

    def _ended(self, job: Job, future: Future[object]) -> Ended | None:
        """How a job ended; None where it is tried once more."""
        self.moved = time.monotonic()
        try:
            return Ended(job, future.result(timeout=0))
        except CancelledError:  # nobody here cancels
            return Ended(job, problem=LOST)
        except Exception as error:  # noqa: BLE001  # whatever a worker or the engine raises is this job's problem
            if not self.engine.killed_workers(error):
                return Ended(job, problem=self.engine.explain(error))
        if id(job) not in self.convicted:
            self.suspects.append(job)
            return None
        return Ended(job, problem=KILLS)

    def _problem(self, slots: int, busy: int, now: float) -> Problem | None:
        """Why the rest of the lane is given up; None while there is hope."""
        if not slots:
            allowed = self.patience.grace if self.was_manned else self.patience.start
            return self.engine.absent(self.resource) if now - self.manned >= allowed else None
        # one worker may hold every lane's resource, and then has a queue of each; a job may have to begin once more
        allowed = (1 + max(busy, 1)) * self.longest + self.patience.grace + self.patience.slack
        if self.running and now - self.moved >= allowed:
            return Problem(
                f"its workers finished nothing for {allowed:.0f} seconds",
                "look at the workers and the scheduler: one that hangs is to be restarted",
            )
        return None

    def _give_up(self, problem: Problem) -> Sequence[Ended]:
        left = [*self.running.values(), *self.waiting, *self.suspects]
        for each in (self.running, self.waiting, self.suspects):
            each.clear()
        return [Ended(job, problem=problem) for job in left]

    def _fill(self, slots: int, now: float) -> Iterator[Ended]:
        """Hand over what there is room for; what cannot be handed over has ended."""
        if not self.running:
            self.moved = now
        if self.suspects and not self.waiting and not self.running:
            suspect = self.suspects.popleft()
            self.convicted.add(id(suspect))
            self.waiting.append(suspect)
        while self.waiting and len(self.running) < slots:
            job = self.waiting.popleft()
            try:
                self.running[self.engine.submit(job)] = job
            except Exception as error:  # noqa: BLE001  # the way to the engine may end at any moment
                yield Ended(job, problem=LOST if self.engine.is_lost else self.engine.explain(error))


KILLS: Final = Problem(
    "its worker died each time it was read",
    "look at the worker's log, and whether its memory suffices (--memory-limit)",
)

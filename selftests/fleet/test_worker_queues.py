"""What becomes of jobs that an engine loses: an engine that does as each test wants, without any network."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, field

import pytest

from backup_compliance.fleet import worker_queues as lanes
from backup_compliance.fleet.worker_queues import ANY, Job, Timeouts, run_jobs
from backup_compliance.model.recorded import Problem

SHORT = Timeouts(start=0.05, grace=0.05, slack=0.05)
LONGEST = 0.05


class Killed(Exception):
    """In place of Dask's KilledWorker."""


@dataclass
class Scripted:
    """An engine whose jobs end as `ends` says: an answer, an exception, or not at all (None)."""

    ends: Callable[[Job, int], object]
    """The job, and how often it was handed over before."""
    manned: Callable[[int], int] = lambda look: 2
    """Slots by the number of the look."""
    is_lost: bool = False
    handed: list[str] = field(default_factory=list)
    open: list[Future[object]] = field(default_factory=list)
    most: int = 0
    """Jobs under way at once."""
    looks: itertools.count[int] = field(default_factory=itertools.count)

    def slots(self) -> Mapping[str, int]:
        """The same for every resource."""
        number = self.manned(next(self.looks))
        return {"a": number, "b": number, ANY: number}

    @property
    def knows_workers(self) -> bool:
        """It was looked at."""
        return True

    def submit(self, job: Job) -> Future[object]:
        """Done at once, where it is done at all."""
        future: Future[object] = Future()
        before = self.handed.count(job.subject)
        self.handed.append(job.subject)
        self.open.append(future)
        self.most = max(self.most, sum(not f.done() for f in self.open))
        end = self.ends(job, before)
        if isinstance(end, BaseException):
            future.set_exception(end)
        elif end is not None:
            future.set_result(end)
        return future

    def killed_workers(self, error: BaseException) -> bool:
        """As Dask says it."""
        return isinstance(error, Killed)

    def explain(self, error: BaseException) -> Problem:
        """Anything else."""
        return Problem(f"failed: {error}")

    def absent(self, resource: str) -> Problem:
        """Nobody there."""
        return Problem(f"nobody for {resource}")


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr(lanes, "TICK", 0.01)


def _run(engine: Scripted, *names: str, resource: str = "a", longest: float = LONGEST) -> dict[str, str]:
    """What became of jobs of these names: the answer, or what was missing."""
    jobs = [Job(name, resource, print, name) for name in names]
    ended = list(run_jobs(engine, jobs, longest, SHORT))
    assert sorted(e.job.subject for e in ended) == sorted(names)  # each exactly once
    return {e.job.subject: str(e.answer) if e.problem is None else e.problem.reason for e in ended}


def test_every_job_has_its_answer() -> None:
    """In lanes of their own, no more at once than there is room for."""
    engine = Scripted(lambda job, before: f"read {job.subject}")
    assert _run(engine, "x", "y", "z") == {"x": "read x", "y": "read y", "z": "read z"}
    assert _run(engine, "x", resource=ANY) == {"x": "read x"}


def test_no_more_is_handed_over_than_workers_can_do() -> None:
    """What is not handed over need not be called back."""
    engine = Scripted(lambda job, before: None)
    _run(engine, *"abcdefgh")
    assert engine.most == 2
    assert len(engine.handed) == 2


def test_nobody_there_is_an_error_of_each_job() -> None:
    """After a little while."""
    engine = Scripted(lambda job, before: "read", manned=lambda look: 0)
    assert _run(engine, "x", "y") == {"x": "nobody for a", "y": "nobody for a"}
    assert not engine.handed


def test_worker_may_come_late() -> None:
    """Within that while."""
    engine = Scripted(lambda job, before: "read", manned=lambda look: int(look > 2))
    assert _run(engine, "x", "y") == {"x": "read", "y": "read"}


def test_last_worker_gone_costs_what_is_unread() -> None:
    """What was read stays; what was under way or waiting is an error."""
    engine = Scripted(
        lambda job, before: "read" if job.subject == "x" else None, manned=lambda look: 1 if look < 2 else 0
    )
    assert _run(engine, "x", "y", "z") == {"x": "read", "y": "nobody for a", "z": "nobody for a"}


def test_workers_that_hang_are_given_up() -> None:
    """A bound by the clock, however many workers say that they are there."""
    engine = Scripted(lambda job, before: "read" if job.subject == "x" else None)
    found = _run(engine, "x", "y", "z", "w", "v")
    assert found["x"] == "read"
    assert all(found[name].startswith("its workers finished nothing for") for name in "yzwv")


def test_worker_that_comes_and_goes_does_not_put_off_the_end() -> None:
    """Nothing ever ends: neither wait begins anew for ever."""
    engine = Scripted(lambda job, before: None, manned=lambda look: look % 2)
    assert "finished nothing" in _run(engine, "x")["x"]


def test_one_lane_does_not_wait_for_another() -> None:
    """Another segment's loss is no loss here."""
    engine = Scripted(lambda job, before: "read" if job.resource == "b" else None)
    jobs = [Job("x", "a", print, ""), Job("y", "b", print, "")]
    first, second = run_jobs(engine, jobs, LONGEST, SHORT)
    assert (first.job.subject, first.answer) == ("y", "read")
    assert second.problem is not None


def test_job_that_kills_its_worker_is_told_from_those_beside_it() -> None:
    """Dask blames all that a dead worker had: each is tried once more, alone, and the culprit is the error."""
    engine = Scripted(lambda job, before: Killed() if before == 0 or job.subject == "culprit" else "read")
    found = _run(engine, "x", "culprit", "y")
    assert found == {"x": "read", "y": "read", "culprit": lanes.KILLS.reason}
    assert engine.handed[3:] == ["x", "culprit", "y"]


def test_whatever_a_job_raises_is_its_own() -> None:
    """An error a job, with what was said."""
    engine = Scripted(lambda job, before: ValueError("no") if job.subject == "x" else "read")
    assert _run(engine, "x", "y") == {"x": "failed: no", "y": "read"}


def test_scheduler_gone_is_an_error_of_each_job() -> None:
    """Dask cancels every future then; nothing waits for anything."""
    engine = Scripted(lambda job, before: CancelledError(), is_lost=False)
    assert _run(engine, "x") == {"x": lanes.LOST.reason}
    assert _run(Scripted(lambda job, before: None, is_lost=True), "x", "y") == dict.fromkeys("xy", lanes.LOST.reason)


def test_submitting_to_a_scheduler_that_is_gone_is_an_error_of_the_job() -> None:
    """The client may notice before anybody asks it."""

    def refuse(job: Job, before: int) -> object:
        raise RuntimeError("closed")

    assert _run(Scripted(refuse), "x", "y") == dict.fromkeys("xy", "failed: closed")


def test_lane_beside_others_waits_for_its_turn() -> None:
    """One worker may hold every segment's resource: what is queued there behind others is no hang."""

    def ends(job: Job, before: int) -> object:
        return job.subject if job.resource == ANY else None

    engine = Scripted(ends)
    lane = lanes._WorkerQueue(engine, "a", longest=10, patience=SHORT)
    lane.waiting.append(Job("one", "a", print, "one"))
    assert list(lane.step(1, 1, lost=False)) == []
    beside = SHORT.grace + SHORT.slack
    assert lane._problem(1, 1, lane.moved + 21 + beside) is not None
    assert lane._problem(1, 12, lane.moved + 125 + beside) is None
    assert lane._problem(1, 12, lane.moved + 131 + beside) is not None


def test_odd_worker_hides_no_other() -> None:
    """What a scheduler says of workers comes from them."""
    slots_of = pytest.importorskip("backup_compliance.fleet.dask_engine").slots_of
    odd = [{"nthreads": 4, "resources": {"segment-a": float("inf")}}, {"nthreads": "x", "resources": {}}, {}, None]
    good = {"nthreads": 4, "resources": {"segment-a": 2, "azure": 9, "segment-b": -1}}
    assert slots_of([*odd, good, good]) == {"segment-a": 4, "azure": 8, "segment-b": 0, ANY: 8}

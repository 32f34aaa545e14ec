"""The engine Dask: a client of its scheduler as `lanes.Engine`. Nothing else imports `distributed`."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, Final
from uuid import uuid4

import dask.config
from distributed import Client, KilledWorker

from backup_compliance import __version__
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.fleet.messages import PACKAGE
from backup_compliance.fleet.worker_queues import ANY, Job, Timeouts
from backup_compliance.model.recorded import Problem
from backup_compliance.model.sanitize import printable

RETRIES: Final = 2
"""Of a job that raised: ours never do, but a worker without this package does."""
LOOK: Final = 0.5
"""Seconds between two questions about the workers."""
CLOSING: Final = 5.0
_NOISY: Final = ("distributed", "tornado", "asyncio", "bokeh")


def configured_patience() -> Timeouts:
    """Dask's own configuration may change any part of it: `backup-compliance.grace`, DASK_BACKUP_COMPLIANCE__GRACE."""
    usual = asdict(Timeouts())
    return Timeouts(**{name: float(dask.config.get(f"backup-compliance.{name}", usual[name])) for name in usual})


class _Client(Client):
    """Dask's client without `__del__`: one that never connected would block the end of the process for 20 s."""

    def __del__(self) -> None:
        """Nothing: `connect` closes it."""


@contextmanager
def connect(address: str, patience: Timeouts) -> Iterator[DaskEngine]:
    """The engine behind a scheduler; on leaving, whatever is still queued there is dropped.

    Raises:
        ConfigurationError: nothing answers there.
    """
    _silence()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's, of versions that differ from each other; ours are compared
        try:
            client = _Client(
                address,
                timeout=patience.connect,
                set_as_default=False,
                direct_to_workers=False,
                name="backup-compliance",
            )
        except Exception as error:  # whatever it is, there is no scheduler
            raise ConfigurationError(
                f"--read-on: no Dask scheduler answers at {address}: {printable(str(error), 200)}"
            ) from error
        try:
            yield DaskEngine(client, address)
        finally:
            with suppress(Exception):  # the scheduler may be gone, or hang
                client.close(timeout=CLOSING)


def _silence() -> None:
    """Turn Dask's logging off: every lost job is reported as a problem of its host already."""
    for name in [*_NOISY, *logging.root.manager.loggerDict]:
        if name.partition(".")[0] in _NOISY:
            logger = logging.getLogger(name)
            logger.setLevel(logging.CRITICAL + 1)
            logger.handlers = [logging.NullHandler()]


class Call:
    """A call that is made where its pickle is unpacked.

    Dask unpacks what it is given on the scheduler and in a worker's message loop, and a worker that cannot ends. Packed
    twice, a call is unpacked by the job itself: a worker without this package says so and lives, a scheduler needs none.
    """

    def __init__(self, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self.made = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.made


class DaskEngine:
    """A client of a scheduler."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        self._address = address
        self._slots: dict[str, int] = {}
        self._looked = float("-inf")
        self._answered = False

    @property
    def is_lost(self) -> bool:
        """Whether the client has lost its scheduler: every future was cancelled with it."""
        return bool(self._client.status != "running")

    def slots(self) -> Mapping[str, int]:
        """Jobs at once by resource, as of half a second ago."""
        now = time.monotonic()
        if now - self._looked >= LOOK and not self.is_lost:
            self._looked = now
            with suppress(Exception):  # a scheduler that hangs is noticed by what does not end
                found = self._client.sync(self._client.scheduler.identity, n_workers=-1, callback_timeout=LOOK * 4)
                self._slots = slots_of(found["workers"].values())
                self._answered = True
        return self._slots

    @property
    def knows_workers(self) -> bool:
        """Whether the scheduler has answered such a question."""
        return self._answered

    def submit(self, job: Job) -> Future[object]:
        """Hand over one job.

        Not by `Client.get_executor`, whose futures never end where an answer cannot be unpacked.
        """
        held = {job.resource: 1} if job.resource != ANY else None
        packed = pickle.dumps(Call(job.task, (__version__, job.argument)))
        key = f"{job.task.__name__}-{uuid4()}"
        future = self._client.submit(pickle.loads, packed, key=key, pure=False, retries=RETRIES, resources=held)
        return asyncio.run_coroutine_threadsafe(_answer(future), self._client.loop.asyncio_loop)

    def killed_workers(self, error: BaseException) -> bool:
        """Whether Dask gave a job up because the workers that had it died."""
        return isinstance(error, KilledWorker)

    def explain(self, error: BaseException) -> Problem:
        """What a worker or the engine raised."""
        told = printable(f"{type(error).__name__}: {error}", 200)
        if isinstance(error, ImportError | AttributeError) and "backup_compliance" in told:
            return Problem(
                f"its worker lacks {PACKAGE} {__version__} ({told})", f"install {PACKAGE} {__version__} there"
            )
        return Problem(f"its worker failed: {told}", "look at that worker's log")

    def absent(self, resource: str) -> Problem:
        """No worker holds `resource`."""
        told = f"with the resource {resource}" if resource != ANY else "at all"
        given = f" --resources '{resource}=32'" if resource != ANY else ""
        return Problem(
            f"no worker {told} is connected to {self._address}",
            f"start one where the host can be reached: dask worker {self._address}{given} --nthreads 32",
        )


async def _answer(future: Any) -> object:
    return await future


def slots_of(workers: Any) -> dict[str, int]:
    """Jobs at once by resource, out of what the scheduler says of its workers."""
    found: dict[str, int] = {}
    for worker in workers:
        with suppress(LookupError, TypeError, ValueError, OverflowError):  # an odd worker hides no other
            threads = int(worker["nthreads"])
            room = {name: min(threads, int(amount)) for name, amount in worker["resources"].items()}
            for resource, jobs in {**room, ANY: threads}.items():
                found[resource] = found.get(resource, 0) + max(jobs, 0)
    return found

"""The workers that a run is read by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.fleet.guests import read_guests_on
from backup_compliance.fleet.platform import AZURE, check_rights_on, read_subscriptions_on
from backup_compliance.fleet.worker_queues import TICK, Engine, Timeouts
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import ReadLimits
from backup_compliance.model.recorded import RecordedGuest, RecordedSubscription
from backup_compliance.platform.request import AzureRequest


@dataclass(frozen=True)
class Fleet:
    """An engine with workers in several networks."""

    engine: Engine
    patience: Timeouts

    @cached_property
    def asks_azure(self) -> bool:
        """Whether workers ask ARM, or this machine has to do it itself; decided once, when there is any worker.

        Raises:
            ConfigurationError: the scheduler does not say which workers it has.
        """
        latest = time.monotonic() + self.patience.start
        while not (slots := self.engine.slots()) and time.monotonic() < latest:
            time.sleep(TICK)
        if not self.engine.knows_workers:
            raise ConfigurationError("--read-on: the scheduler does not say which workers it has; look at it")
        return slots.get(AZURE, 0) > 0

    def who_asks(self) -> str:
        """A line on who asks ARM."""
        if self.asks_azure:
            return f"Azure is asked by workers with the resource {AZURE}, with their own credentials"
        return f"Azure is asked from here: no worker holds the resource {AZURE}"

    def read_guests(
        self,
        targets: Iterable[Target],
        options: Mapping[str, Any],
        command: str,
        limits: ReadLimits,
        progress: Callable[[RecordedGuest], None],
    ) -> list[RecordedGuest]:
        """As `guest.read.read_guests`."""
        return read_guests_on(self.engine, self.patience, targets, options, command, limits, progress)

    def read_subscriptions(
        self, request: AzureRequest, progress: Callable[[int, int], None]
    ) -> tuple[RecordedSubscription, ...]:
        """As `platform.read.read_subscriptions`; `progress` counts subscriptions and management groups."""
        return read_subscriptions_on(self.engine, self.patience, request, progress)

    def check_rights(self, request: AzureRequest) -> list[tuple[str, str, bool]]:
        """Each right in each subscription: the subscription, what is said of it, whether it works."""
        return check_rights_on(self.engine, self.patience, request)


@contextmanager
def open_fleet(address: str) -> Iterator[Fleet]:
    """The workers of the scheduler at `address`.

    Raises:
        ConfigurationError: nothing answers there.
    """
    # an extra, and most of a second to import
    from backup_compliance.fleet.dask_engine import configured_patience, connect

    patience = configured_patience()
    with connect(address, patience) as engine:
        yield Fleet(engine, patience)

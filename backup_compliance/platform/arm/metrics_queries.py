"""What is asked of Azure Monitor: the load of fifty virtual machines of a region over one window of backups."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from backup_compliance.model.arm_json import NOTHING, as_record, text_at
from backup_compliance.model.verdicts import RECOLLECT, Undetermined, Unreadable
from backup_compliance.platform.arm.client import Clients
from backup_compliance.platform.arm.queries import ArmQuery, take_reply
from backup_compliance.platform.decisions.load import CPU, GRAIN, LENGTH, MEMORY, METRICS, backup_windows
from backup_compliance.platform.estate.compute import find_power, parse_identity
from backup_compliance.platform.estate.facts import VmIdentity
from backup_compliance.platform.estate.lookup import Estate, normalize_id
from backup_compliance.platform.estate.protection import find_jobs, find_protection

BATCH: Final = 50
"""Resources that one request may name."""
SLOT: Final = timedelta(minutes=30)
"""Jobs of one policy start within minutes or hours of each other: those of one half hour are asked for together."""
MARGIN: Final = timedelta(minutes=15)
"""How much later the same machines may be judged: what began by then is asked for too."""
NAMESPACE: Final = "Microsoft.Compute/virtualMachines"
ELSEWHERE: Final = Unreadable(
    "where Azure Monitor's metrics are beside this ARM is not known",
    "name it: --metrics-endpoint=https://{region}.metrics.HOST",
)
_REGION: Final = re.compile(r"[a-z0-9]{1,40}")


def metrics_questions(clients: Clients, estate: Estate, subscription: str, now: datetime) -> Iterator[ArmQuery]:
    """One for each region, half hour in which backups began, and fifty running machines.

    Raises `Unreadable` where the machines were not listed, or nobody said where metrics are.
    """
    if not clients.connection.endpoint.metrics_url:
        raise ELSEWHERE
    for (region, slot), machines in sorted(_slots(estate, subscription, now).items()):
        for first in range(0, len(machines), BATCH):
            batch = tuple(machines[first : first + BATCH])
            ask = partial(_metrics, clients, region, batch, (slot, min(slot + SLOT + LENGTH, now)))
            yield ArmQuery(METRICS, batch, ask)


def _slots(estate: Estate, subscription: str, now: datetime) -> Mapping[tuple[str, datetime], list[str]]:
    found: dict[tuple[str, datetime], list[str]] = defaultdict(list)
    for record in estate.listing(subscription, "virtualMachines").resources.values():
        vm = parse_identity(record)
        if _REGION.fullmatch(vm.location):
            for slot in dict.fromkeys(_starts(estate, vm, now)):
                found[vm.location, slot].append(vm.id)
    return found


def _starts(estate: Estate, vm: VmIdentity, now: datetime) -> Iterable[datetime]:
    """The half hours in which the machine's last backups began; none for one that does not run, or is not known."""
    try:
        if not find_power(estate, vm).is_running:
            return ()
        protection = find_protection(estate, vm)
        jobs = find_jobs(estate, protection.item) if protection is not None else ()
    except (Unreadable, Undetermined):
        return ()  # the control says so itself
    return [_slot(window.start) for window in backup_windows(protection, jobs, now + MARGIN)]


def _slot(time: datetime) -> datetime:
    seconds = SLOT.total_seconds()
    return datetime.fromtimestamp(time.timestamp() // seconds * seconds, UTC)


def _metrics(
    clients: Clients, region: str, machines: tuple[str, ...], window: tuple[datetime, datetime]
) -> list[bytes]:
    ask = partial(_batch, clients, region, machines, window)
    try:
        return ask((CPU, MEMORY))
    except Unreadable as error:
        if not error.reason.startswith("400"):
            raise
    return ask((CPU,))  # where the newer of the two is not known, both are refused; the other one can still fail


def _batch(
    clients: Clients,
    region: str,
    machines: tuple[str, ...],
    window: tuple[datetime, datetime],
    names: tuple[str, ...],
) -> list[bytes]:
    replies = clients.replies(METRICS)
    ask = partial(
        clients.connection.metrics(region).query_resources,
        resource_ids=machines,
        metric_namespace=NAMESPACE,
        metric_names=names,
        timespan=window,
        granularity=GRAIN,
        aggregations=["Average"],
    )
    take_reply(ask, replies.take_values)
    asked = set(map(normalize_id, machines))
    if not all(
        normalize_id(text_at(as_record(json.loads(entry)) or NOTHING, "resourceid")) in asked
        for entry in replies.entries
    ):
        raise Unreadable("the reply is about a machine that was not asked about, or about none", RECOLLECT)
    return replies.entries

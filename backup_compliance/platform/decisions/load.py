"""How busy a virtual machine was while it was last backed up, by Azure Monitor's averages; pure.

Recorded are the entries of `values` that metrics:getBatch gives for `Percentage CPU` and `Available Memory
Percentage` (both averages in percent, one value for five minutes). Source of the limits: troubleshooting article of
2016-07-14; of the two hours within which a job starts: FAQ of VM backup, 2025.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from backup_compliance.model.arm_json import NOTHING, as_record, items_of, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, NotApplicable, Undetermined, Unreadable
from backup_compliance.platform.decisions.ages import aged
from backup_compliance.platform.estate.attempts import is_attempt, is_of
from backup_compliance.platform.estate.backup import BackupJob
from backup_compliance.platform.estate.compute import parse_time
from backup_compliance.platform.estate.facts import Power, VmIdentity
from backup_compliance.platform.estate.lookup import Estate, normalize_id
from backup_compliance.platform.estate.protection import Protection
from backup_compliance.platform.estate.resource_types import RESOURCE_TYPES

METRICS: Final = "metrics"
CPU: Final = "Percentage CPU"
MEMORY: Final = "Available Memory Percentage"
GRAIN: Final = timedelta(minutes=5)
LENGTH: Final = timedelta(hours=2)
"""Snapshots are taken within this time from a job's start."""
SHORTEST: Final = timedelta(minutes=30)
"""A backup that began later than this before the reading has no history to judge yet."""
WINDOWS: Final = 3
ROUNDED: Final = 110
"""Percent; averages of processors that were allowed a burst may lie a little above 100."""
Points = Mapping[str, Sequence[tuple[datetime, float]]]
"""Values by metric, each with the time at which its five minutes begin."""


@dataclass(frozen=True, slots=True)
class BackupWindow:
    """The time in which a backup wants the machine to itself; UTC."""

    start: datetime
    end: datetime

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%H:%M} UTC"

    @property
    def enough(self) -> float:
        """How many values at least make an average: half of all there can be."""
        return (self.end - self.start) / GRAIN / 2


@dataclass(frozen=True, slots=True)
class MetricsLoad:
    """Averages over one window, in percent; None where too few values were recorded."""

    window: BackupWindow
    cpu: float | None
    available_memory: float | None


def backup_windows(protection: Protection | None, jobs: Iterable[BackupJob], now: datetime) -> tuple[BackupWindow, ...]:
    """When the last backups ran, newest first, at most `WINDOWS`, none of which overlap.

    A cancelled job and a rejected request are no backups, and an item's time that is of one of them is none either.

    Args:
        protection: what protects the machine; None for nothing.
        jobs: its backup jobs, newest first.
        now: UTC; when the machine was or will be read.
    """
    if protection is None:
        return ()
    every, item = list(jobs), protection.item
    starts = [job.start for job in every if job.start is not None and is_attempt(job)]
    if not starts and item.last_backup_time is not None and not any(is_of(item, j) for j in every if not is_attempt(j)):
        starts = [item.last_backup_time]
    found: list[BackupWindow] = []
    for start in sorted(starts, reverse=True):
        ends = min(start + LENGTH, found[-1].start if found else now)
        if ends - start >= SHORTEST and len(found) < WINDOWS:
            found.append(BackupWindow(start, ends))
    return tuple(found)


def find_load(estate: Estate, vm: VmIdentity, windows: Sequence[BackupWindow]) -> tuple[MetricsLoad, ...]:
    """The load in each window.

    Raises:
        Unreadable: Azure Monitor was not asked about this machine, refused, or answered something else.
    """
    points = find_points(estate, vm) if windows else {}
    return tuple(MetricsLoad(w, _average(points.get(CPU, ()), w), _average(points.get(MEMORY, ()), w)) for w in windows)


def find_points(estate: Estate, vm: VmIdentity) -> Points:
    """Every recorded value of a machine; raises `Unreadable` as `find_load` does."""
    subscription = vm.subscription_id.lower()
    index = estate.cached((METRICS, subscription), lambda: _index(estate, subscription))
    found = index.get(normalize_id(vm.id))
    if found is not None:
        return _points(found)
    for problem in estate.subscriptions[subscription].problems:
        if problem.type == METRICS and normalize_id(problem.scope) == normalize_id(vm.id):
            raise Unreadable(f"{METRICS} of {vm.name}: {printable(problem.reason)}", printable(problem.remedy))
    raise Unreadable(
        f"{METRICS} of {vm.name} are not in {METRICS}.json", f"grant {RESOURCE_TYPES[METRICS]} and collect again"
    )


def _index(estate: Estate, subscription: str) -> Mapping[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for entry in items_of(estate.document(subscription, METRICS), "value", f"{METRICS}.json"):
        record = as_record(entry) or NOTHING
        found.setdefault(normalize_id(text_at(record, "resourceid")), []).append(record)
    if "" in found:
        raise Unreadable(f"{METRICS}.json holds an entry that is about no resource", RECOLLECT_OR_LOOK)
    return found


def _points(entries: Iterable[Mapping[str, Any]]) -> Points:
    found: dict[str, dict[datetime, float]] = {}
    for entry in entries:
        for metric in items_of(entry, "value", "an entry of metrics"):
            record = as_record(metric) or NOTHING
            name = text_at(as_record(record.get("name")) or NOTHING, "value")
            if name in (CPU, MEMORY):
                _check_metric(record, name)
                _add(found.setdefault(name, {}), record, name)
    return {name: sorted(values.items()) for name, values in found.items()}


def _check_metric(record: Mapping[str, Any], name: str) -> None:
    """Raise `Unreadable` for a metric that Azure Monitor marks as something else than percentages that it could read."""
    code, unit = text_at(record, "errorCode") or "Success", text_at(record, "unit") or "Percent"
    if code.lower() != "success":
        raise Unreadable(f"{METRICS}: Azure Monitor says {printable(code, 60)} of {name}", RECOLLECT_OR_LOOK)
    if unit.lower() != "percent":
        raise Unreadable(f"{METRICS}: {name} is in {printable(unit, 60)}, not in percent", RECOLLECT_OR_LOOK)


def _add(values: dict[datetime, float], record: Mapping[str, Any], name: str) -> None:
    for series in items_of(record, "timeseries", f"metric {name}"):
        for time, value in _values(series, name):
            # windows that touch share values, which have to be the same in both
            if values.setdefault(time, value) != value:
                raise Unreadable(f"{METRICS}: {name} has two values for {time:%Y-%m-%d %H:%M} UTC", RECOLLECT_OR_LOOK)


def _values(series: Any, name: str) -> Iterator[tuple[datetime, float]]:
    for entry in items_of(series, "data", f"metric {printable(name, 60)}"):
        point = as_record(entry) or NOTHING
        value, time = point.get("average"), parse_time(text_at(point, "timeStamp"))
        if value is None:  # a gap: Azure Monitor gives the time and no value
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or time is None or not 0 <= value <= ROUNDED:
            raise Unreadable(
                f"{printable(name, 60)} holds {printable(str(point), 80)}, no percentage", RECOLLECT_OR_LOOK
            )
        yield time, float(value)


def _average(points: Iterable[tuple[datetime, float]], window: BackupWindow) -> float | None:
    inside = [value for time, value in points if window.start - GRAIN < time < window.end]
    return sum(inside) / len(inside) if inside and len(inside) >= window.enough else None


def check_in_use(power: Power) -> None:
    """Raise `NotApplicable` for a machine that does not run, `Undetermined` where that is not known."""
    if not power.is_known:
        raise Undetermined(f"{power.source} does not say whether the VM runs")
    if not power.is_running:
        raise NotApplicable(f"the VM is {power.state}: nothing loads it")


def load_failure(
    loads: Sequence[MetricsLoad], cpu_percent: float, memory_percent: float, read_at: datetime | None
) -> str | None:
    """Neither processor nor memory was in use beyond the limits while a backup ran; or when it was, and how long ago.

    The newest window has to be known; older ones count where they are. Raises `NotApplicable` where no backup has run,
    `Undetermined` where Azure Monitor holds too little about the newest.
    """
    if not loads:
        raise NotApplicable("no backup of this VM has run long enough to look at its load (AVB-402, AVB-403)")
    for load in loads:
        backup = f"{load.window}{aged(load.window.start, read_at)}"
        if load.cpu is not None and load.cpu > cpu_percent:
            return f"the processor was {load.cpu:.1f} % busy on average during the backup of {backup}; at most {cpu_percent:g} % leave room for the snapshot"
        used = 100 - load.available_memory if load.available_memory is not None else None
        if used is not None and used > memory_percent:
            return f"memory was {used:.1f} % in use on average during the backup of {backup}; at most {memory_percent:g} % leave room for the snapshot"
    unknown = [name for name, value in ((CPU, loads[0].cpu), (MEMORY, loads[0].available_memory)) if value is None]
    if unknown:
        raise Undetermined(
            f"Azure Monitor holds too few values of {' and '.join(unknown)} for the backup of {loads[0].window}{aged(loads[0].window.start, read_at)}",
            "look whether the VM ran at that time, and whether its size and region give these metrics",
        )
    return None

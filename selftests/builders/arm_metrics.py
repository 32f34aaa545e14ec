"""Azure Monitor's metrics of the made-up subscription: the entries of `values` that metrics:getBatch gives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]
NIGHT = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
"""The half hour in which the sample's last backup began."""
ASKED = timedelta(minutes=150)
"""Half an hour in which jobs may begin, and the two hours in which they take their snapshots."""


def told(time: datetime) -> str:
    """A time as Azure Monitor writes it."""
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def metric(name: str, start: datetime, values: Iterable[float | None], unit: str = "Percent") -> Json:
    """One metric with a value for every five minutes; None is a gap."""
    data: list[Json] = []
    for number, value in enumerate(values):
        point: Json = {"timeStamp": told(start + timedelta(minutes=5) * number)}
        data.append(point if value is None else {**point, "average": value})
    return {
        "id": f"/providers/Microsoft.Insights/metrics/{name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": name, "localizedValue": name},
        "displayDescription": "made up",
        "unit": unit,
        "timeseries": [{"metadatavalues": [], "data": data}],
        "errorCode": "Success",
    }


def metrics(
    resource: str,
    start: datetime = NIGHT,
    *,
    cpu: float | None = 11.5,
    memory: float | None = 58.25,
    count: int = 30,
    region: str = "westeurope",
) -> Json:
    """The load of a virtual machine over one window; `memory` is what is available, both in percent."""
    values: list[Any] = [
        metric("Percentage CPU", start, [cpu] * count),
        metric("Available Memory Percentage", start, [memory] * count),
    ]
    return {
        "starttime": told(start),
        "endtime": told(start + ASKED),
        "interval": "PT5M",
        "namespace": "Microsoft.Compute/virtualMachines",
        "resourceregion": region,
        "resourceid": resource,
        "value": values,
    }

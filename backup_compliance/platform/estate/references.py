"""References between resources of ARM.

A reference has three values: None where the resource has none, `""` where there is one that names nothing readable
(null, a text, an object without id), otherwise the resource id. Following the second is an error, never "there is none".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backup_compliance.model.arm_json import NOTHING, as_record, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT_OR_LOOK, Unreadable
from backup_compliance.platform.estate.lookup import Estate, Resource

UNREADABLE = ""
"""A reference that is there and names nothing."""


def id_of(value: Any) -> str:
    """The id of `{"id": ...}`, safe to print; `UNREADABLE` when it has none."""
    return printable(text_at(as_record(value) or NOTHING, "id"), 400)


def reference_at(record: Mapping[str, Any], key: str) -> str | None:
    """The id of what `record` refers to under `key`."""
    return id_of(record[key]) if key in record else None


def references_at(record: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """The ids of a list of references; what is no list is one unreadable reference."""
    values = record.get(key, ())
    return tuple(id_of(v) for v in values) if isinstance(values, list | tuple) else (UNREADABLE,)


def follow(estate: Estate, kind: str, reference: str, named_by: str) -> Resource:
    """The resource behind a reference; `Unreadable` naming `named_by` when it names nothing or nothing that is there."""
    if not reference:
        raise Unreadable(f"{named_by} refers to one of {kind} without saying which", RECOLLECT_OR_LOOK)
    return estate.find(kind, reference, named_by)

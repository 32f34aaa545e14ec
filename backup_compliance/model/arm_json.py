"""Fields of ARM's JSON by type: what is absent, null or of another type never becomes a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

NOTHING: Final[Mapping[str, Any]] = {}


def as_record(value: Any) -> Mapping[str, Any] | None:
    """A JSON object, or None."""
    return value if isinstance(value, dict) else None


def properties_of(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The `properties` of a resource; a record without that key is flat, as in the effective replies."""
    return as_record(record["properties"]) if "properties" in record else record


def text_at(record: Mapping[str, Any], key: str) -> str:
    """A string without blanks around it; "" when there is none."""
    value = record.get(key)
    return value.strip() if isinstance(value, str) else ""


def integer_at(record: Mapping[str, Any], key: str, low: int, high: int) -> int | None:
    """A whole number from `low` to `high`; None for anything else."""
    value = record.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high else None


def texts_at(record: Mapping[str, Any], *keys: str) -> tuple[str, ...] | None:
    """The strings of singular and plural fields together; None when one of them is neither string, list nor null.

    ARM fills either the singular or the plural field and leaves the other null, empty or away.
    """
    found: dict[str, None] = {}
    for key in keys:
        value = record.get(key)
        values = [] if value is None or value == "" else value if isinstance(value, list) else [value]
        for one in values:
            if not isinstance(one, str) or not one.strip():
                return None
            found[one.strip()] = None
    return tuple(found)


def items_of(reply: Any, key: str, what: str) -> Sequence[Any]:
    """The list under `key`; raises `Unreadable` when the reply has none."""
    record = as_record(reply)
    values = record.get(key) if record is not None else None
    if not isinstance(values, list):
        raise Unreadable(f"{what} is no object with a list `{key}`")
    return values


def last_segment(resource_id: str) -> str:
    """The name at the end of a resource id, safe to print."""
    return printable(resource_id.rstrip("/").rsplit("/", 1)[-1], 80)


def name_of(record: Mapping[str, Any], otherwise: str) -> str:
    """The record's name, or the end of its id."""
    return printable(text_at(record, "name"), 80) or last_segment(text_at(record, "id")) or otherwise

"""One status of the backup extension, from JSON to a record; pure.

For virtual machines of ARM the outer `status` says `success` whatever happened; only classic ones show `error` there. The
truth is in `code` and in the JSON that `substatus[0].name` carries as text (VMBackup, HandlerUtil.do_status_report).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from backup_compliance.guest.extension_status.codes import DONE, UNDER_WAY, parse_code
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

STATUSES: Final = frozenset({"transitioning", "error", "success", "warning"})
"""What an extension may write as its status (guest agent's contract)."""
NEXT_BACKUP_WRITES_IT: Final = "let the next backup write it again"
MESSAGE_LIMIT: Final = 300
DISK_LIMIT: Final = 100
"""Disks of one run that are told apart; a virtual machine takes fewer."""
_TICKS_A_SECOND: Final = 10**7
_TRUTH: Final = {"true": True, "false": False}
_TOLD: Final = re.compile(r"(snapshotCreator|hostStatusCodePreSnapshot)=([A-Za-z0-9]{1,40})")


@dataclass(frozen=True, slots=True)
class DiskSnapshot:
    """What became of one disk in a run."""

    name: str
    """`disk 2 of 3`, and its blob where that is told."""
    is_successful: bool | None
    """None where the entry does not say."""
    error: str


@dataclass(frozen=True, slots=True)
class ExtensionStatus:
    """What the extension reported of one run, or of one that is under way."""

    source: str
    """The file it was read from, or the instance view."""
    statuses: tuple[str, ...]
    """The outer status, those of substatuses without a document, then the one inside of a substatus; each of `STATUSES`."""
    code: int | None
    """The worst of the codes inside and outside; None where there is none."""
    message: str
    written_at: datetime | None
    """UTC, by the guest's clock."""
    started_at: datetime | None = None
    """When the platform gave the command, UTC by the platform's clock."""
    disks: tuple[DiskSnapshot, ...] = ()
    snapshot_creator: str | None = None
    """`backupHostService` or `guestExtension`; None where the run did not come as far."""
    host_status: int | None = None
    """The host's HTTP status before the snapshot (`hostStatusCodePreSnapshot`)."""
    extension_version: str | None = None
    """Which version wrote it, by its telemetry."""
    python_version: str | None = None
    """Under which Python, by its telemetry."""

    @property
    def is_under_way(self) -> bool:
        """Whether the run had not finished when this was written."""
        return self.code == UNDER_WAY or (self.code is None and "transitioning" in self.statuses)

    @property
    def is_good(self) -> bool:
        """Whether the run took all its snapshots, as everything in the status says."""
        return self.code in DONE and set(self.statuses) == {"success"} and all(d.is_successful for d in self.disks)

    @property
    def starts_in_guest(self) -> bool | None:
        """Whether the guest itself took the snapshot, or would have; None where the status does not say.

        The host is asked first; where it does not answer 200, the extension takes the snapshot itself.
        """
        if self.snapshot_creator is not None:
            return self.snapshot_creator == "guestExtension"
        return None if self.host_status is None else self.host_status != 200

    @property
    def start_evidence(self) -> str:
        """What `starts_in_guest` rests on."""
        told = (("snapshotCreator", self.snapshot_creator), ("hostStatusCodePreSnapshot", self.host_status))
        return ", ".join(f"{name}={value}" for name, value in told if value is not None)


def parse_status_text(text: str, source: str) -> ExtensionStatus:
    """The status in a file's text, whole or its tail; `Unreadable` for anything else."""
    stripped = text.strip("\x00\ufeff \n\r")
    try:
        document = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        document = _from_tail(stripped)
        if document is None:
            raise Unreadable(f"{source} is no readable JSON", NEXT_BACKUP_WRITES_IT) from error
    return parse_status(document, source)


def _from_tail(text: str) -> list[dict[str, Any]] | None:
    """What stands behind the substatus in a file whose beginning was left out: code, message, start of the command.

    None where the beginning is there, or this is not how the extension's JSON ends.
    """
    if text.startswith(("[", "{")) or not text.endswith("}}]"):
        return None
    key = '"code": '
    position = text.find(key)
    for _ in range(DISK_LIMIT):
        if position < 0:
            return None
        if text[position - 1 : position] != "\\":
            try:
                status = json.loads("{" + text[position:-2])
            except (ValueError, RecursionError):
                status = None
            if isinstance(status, dict) and "taskId" in status:
                return [{"status": {"status": "success", **status}}]
        position = text.find(key, position + 1)
    return None


def parse_status(document: object, source: str) -> ExtensionStatus:
    """A status document (a list of one entry) as a record.

    Raises:
        Unreadable: it has another shape, or the text inside its substatus is no readable JSON.
    """
    entry, outer = _levels(document, source)
    found = _inside(outer, source)
    inner_entry, inner = _levels(found, f"the substatus of {source}") if found is not None else ({}, {})
    plain = _plain(outer)
    levels = [outer, *plain, *([inner] if found is not None else [])]
    failed = next((p for p in plain if _status(p, source) == "error" and _message(p)[0]), {})
    message, told = _message(inner or failed or outer)
    telemetry = {**told, **_telemetry(inner)}
    times = (parse_status_time(e.get("timestampUTC")) for e in (entry, inner_entry))
    starts = (_ticks(level.get("commandStartTimeUTCTicks")) for level in (inner, outer))
    return ExtensionStatus(
        source=source,
        statuses=tuple(_status(level, source) for level in levels),
        code=_worst_code(levels),
        message=message,
        written_at=next((t for t in times if t is not None), None),
        started_at=next((t for t in starts if t is not None), None),
        disks=_disks(inner, source),
        snapshot_creator=telemetry.get("snapshotCreator"),
        host_status=parse_code(telemetry.get("hostStatusCodePreSnapshot")),
        extension_version=telemetry.get("extensionVersion"),
        python_version=telemetry.get("pythonVersion"),
    )


def _levels(document: object, source: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The entry of a status document and the status in it."""
    entry = document[0] if isinstance(document, list) and document else None
    status = entry.get("status") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(status, dict):
        raise Unreadable(f"{source} holds no extension status", NEXT_BACKUP_WRITES_IT)
    return entry, status


def _substatuses(outer: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = outer.get("substatus")
    if listed is not None and (not isinstance(listed, list) or not all(isinstance(s, dict) for s in listed)):
        raise Unreadable("the substatus is no list of objects", NEXT_BACKUP_WRITES_IT)
    return listed or []


def _carries_json(substatus: Mapping[str, Any]) -> bool:
    name = substatus.get("name")
    return isinstance(name, str) and name.lstrip().startswith(("[", "{"))


def _inside(outer: Mapping[str, Any], source: str) -> object:
    """The document that a substatus carries as text; None where none does."""
    carried = [s["name"] for s in _substatuses(outer) if _carries_json(s)]
    if not carried:
        return None
    try:
        return json.loads(carried[0])
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the substatus of {source} holds no readable JSON", NEXT_BACKUP_WRITES_IT) from error


def _plain(outer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Substatuses that carry no document and tell of themselves; the others say `success` whatever happened.

    The code of a good one means what its writer wants it to mean, so that only a failed one's counts.
    """
    told = [s for s in _substatuses(outer) if not _carries_json(s) and s.get("status") is not None]
    return [s if str(s["status"]).lower() == "error" else {**s, "code": None} for s in told]


def _status(level: Mapping[str, Any], source: str) -> str:
    told = level.get("status")
    status = told.lower() if isinstance(told, str) else ""
    if status not in STATUSES:
        raise Unreadable(f"{source} holds no extension status", NEXT_BACKUP_WRITES_IT)
    return status


def _worst_code(levels: list[dict[str, Any]]) -> int | None:
    """Both levels hold one code; where they do not, the better one proves nothing. The inner one wins among equals."""
    codes = [c for level in reversed(levels) if (c := parse_code(level.get("code"))) is not None]
    return max(codes, key=lambda c: (c not in DONE, c != UNDER_WAY), default=None)


def _message(status: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """The message for people, and what it tells of who took the snapshot.

    The formatted message is JSON again, with `messageStr`; of classic virtual machines and on Windows it is plain text.
    """
    formatted = status.get("formattedMessage")
    text = formatted.get("message") if isinstance(formatted, dict) else status.get("message")
    if not isinstance(text, str):
        return "", {}
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    told = document.get("messageStr") if isinstance(document, dict) else None
    text = told if isinstance(told, str) else text
    return printable(text.strip(" ,"), MESSAGE_LIMIT), dict(_TOLD.findall(text[:10000]))


def _telemetry(status: Mapping[str, Any]) -> dict[str, str]:
    """What the extension adds of itself, as far as it is text."""
    listed = status.get("telemetryData")
    entries = [e for e in listed if isinstance(e, dict)] if isinstance(listed, list) else []
    pairs = ((e.get("Key"), e.get("Value")) for e in entries)
    return {k: printable(v, 80) for k, v in pairs if isinstance(k, str) and isinstance(v, str) and v}


def _disks(status: Mapping[str, Any], source: str) -> tuple[DiskSnapshot, ...]:
    listed = status.get("snapshotInfo")
    if listed is None:
        return ()
    if not isinstance(listed, list) or not all(isinstance(d, dict) for d in listed) or len(listed) > DISK_LIMIT:
        raise Unreadable(f"snapshotInfo of {source} is no list of disks", NEXT_BACKUP_WRITES_IT)
    return tuple(_disk(number, len(listed), disk) for number, disk in enumerate(listed, 1))


def _disk(number: int, of: int, disk: Mapping[str, Any]) -> DiskSnapshot:
    told, uri, error = (
        disk.get("isSuccessful"),
        disk.get("blobUri") or disk.get("snapshotUri"),
        disk.get("errorMessage"),
    )
    where = f" ({printable(uri.split('?')[0], 120)})" if isinstance(uri, str) else ""
    return DiskSnapshot(
        name=f"disk {number} of {of}{where}",
        is_successful=told if isinstance(told, bool) else _TRUTH.get(str(told).strip().lower()),
        error=printable(error, 160) if isinstance(error, str) else "",
    )


def parse_status_time(value: object) -> datetime | None:
    """An ISO time, or .NET's `/Date(milliseconds)/`."""
    if not isinstance(value, str):
        return None
    milliseconds = re.search(r"Date\(([0-9]{1,14})\)", value[:80])
    try:
        if milliseconds:
            return datetime.fromtimestamp(int(milliseconds.group(1)) // 1000, UTC)
        found = datetime.fromisoformat(value[:40])
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _ticks(value: object) -> datetime | None:
    """.NET's ticks: tenths of a microsecond since the year 1."""
    text = str(value) if isinstance(value, int | str) else ""
    if not re.fullmatch(r"[0-9]{1,19}", text) or not int(text):
        return None
    try:
        return datetime(1, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text) // _TICKS_A_SECOND)
    except OverflowError:
        return None

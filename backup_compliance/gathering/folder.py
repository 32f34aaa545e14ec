"""Recorded facts: the seam between reading and judging.

A facts directory holds raw recordings (the probe's own output, one file a guest; ARM's own JSON, one file a resource
type and subscription) and `facts.json`, which says who was read, when, and what could not be read. Files may also be
brought by hand: what has no entry in `facts.json` is read all the same.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote, unquote

import msgspec

from backup_compliance import __version__
from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.gathering.arm_folder import SubscriptionEntry, load_subscriptions, save_subscriptions
from backup_compliance.guest.probe_output import OUTPUT_LIMIT
from backup_compliance.guest.recording import parse_guest
from backup_compliance.model.recorded import Problem, RecordedGuest, RecordedSubscription, host_id
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

SCHEMA: Final = 1
INDEX: Final = "facts.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was read for one run."""

    guests: tuple[RecordedGuest, ...] = ()
    subscriptions: tuple[RecordedSubscription, ...] = ()
    label: str = ""
    """What the recordings are, when they say it themselves (`made-up samples`)."""
    notes: tuple[str, ...] = ()
    """What had to be decided between several readings."""


class _GuestEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    file: str | None = None
    read_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    problem: Problem | None = None


class _Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    schema: int
    written_by: str = ""
    label: str = ""
    guests: dict[str, _GuestEntry] = {}
    subscriptions: dict[str, SubscriptionEntry] = {}


def save_facts(facts: Facts, directory: Path) -> None:
    """Write `facts` into a new `directory`, all of it or nothing.

    Raises:
        ConfigurationError: the directory exists already and is not empty, or cannot be written.
    """
    check_new_folder(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    except OSError as error:
        raise ConfigurationError(f"--save-facts: {error}") from error
    try:
        _write(facts, building)
        if directory.exists():
            directory.rmdir()
        building.chmod(0o755)
        building.replace(directory)
    except OSError as error:
        raise ConfigurationError(f"--save-facts: {error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)  # gone already where it became `directory`


def check_new_folder(directory: Path) -> None:
    """`ConfigurationError` where `directory` could not be written as a new folder: better known before reading."""
    try:
        if directory.exists() and any(directory.iterdir()):
            raise ConfigurationError(f"--save-facts: {directory} is not empty; facts are saved into a new folder")
    except OSError as error:
        raise ConfigurationError(f"--save-facts: {directory}: {error.strerror}") from error


def _write(facts: Facts, directory: Path) -> None:
    (directory / "guests").mkdir()
    entries: dict[str, _GuestEntry] = {}
    taken: set[str] = set()
    for guest in facts.guests:
        name = _free_name(quote(guest.name, safe="")[:120], taken)
        file = f"guests/{name}.txt" if guest.problem is None or guest.output else None
        if file:
            (directory / file).write_bytes(guest.output)
        entries[guest.name] = _GuestEntry(file, guest.read_at, guest.problem)
    subscriptions = save_subscriptions(facts.subscriptions, directory)
    writer = f"azure-backup-compliance {__version__}"
    index = _Index(SCHEMA, writer, facts.label, dict(sorted(entries.items())), subscriptions)
    text = msgspec.json.format(msgspec.json.encode(index), indent=2)
    (directory / INDEX).write_bytes(text + b"\n")


def _free_name(name: str, taken: set[str]) -> str:
    """`name`, numbered where another differs from it by case only: not every file system tells them apart."""
    free, number = name, 1
    while free.casefold() in taken:
        number += 1
        free = f"{name}~{number}"
    taken.add(free.casefold())
    return free


def load_facts(directory: Path) -> Facts:
    """What `save_facts` wrote, or a folder with `guests/*.txt` brought by hand.

    A damaged recording is its guest's problem only; a damaged index is the user's.

    Raises:
        ConfigurationError: no such folder, nothing in it, or an index of another version.
    """
    if not directory.is_dir():
        raise ConfigurationError(f"--facts: {directory} is no folder")
    index = _load_index(directory / INDEX)
    found = [(name, entry) for name, entry in index.guests.items()]
    known = {entry.file for entry in index.guests.values()}
    for path in _texts(directory / "guests"):
        if f"guests/{path.name}" not in known:
            found.append((unquote(path.stem), _GuestEntry(f"guests/{path.name}")))
    guests: dict[str, RecordedGuest] = {}
    for name, entry in found:
        guest = _load_guest(directory, name, entry)
        other = guests.get(guest.name)
        # a host that could not be read, and whose output was then brought by hand
        if other is not None and (other.problem is None or other.output):
            raise ConfigurationError(
                f"--facts: {directory}: two recordings of one name, {guest.name!r}; rename one of them"
            )
        guests[guest.name] = guest
    subscriptions = load_subscriptions(directory, index.subscriptions)
    if not guests and not subscriptions:
        raise ConfigurationError(
            f"--facts: {directory} holds no facts: neither entries in {INDEX}, nor guests/*.txt, nor arm/<subscription>/*.json"
        )
    return Facts(tuple(guests[name] for name in sorted(guests)), subscriptions, printable(index.label))


def _texts(folder: Path) -> list[Path]:
    try:
        files = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"--facts: {folder}: {error.strerror}") from error
    strangers = [p.name for p in files if p.suffix != ".txt" or not p.is_file()]
    if strangers:
        shown = printable(", ".join(strangers), 120)
        raise ConfigurationError(f"--facts: {folder}: recordings are files that end in .txt; not read: {shown}")
    return files


def _load_index(path: Path) -> _Index:
    try:
        data = path.read_bytes()
        schema = msgspec.json.decode(data).get("schema")
    except FileNotFoundError:
        return _Index(SCHEMA)
    except (OSError, msgspec.DecodeError, AttributeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: not readable as JSON: {error}") from error
    if schema != SCHEMA:
        raise ConfigurationError(
            f"{path}: facts of version {schema!r}; this suite reads version {SCHEMA}: collect again, or use the suite that wrote them"
        )
    try:
        return msgspec.json.decode(data, type=_Index)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {error}") from error


def _load_guest(directory: Path, name: str, entry: _GuestEntry) -> RecordedGuest:
    name = host_id(name)
    if entry.file is None:
        return RecordedGuest(name, b"", entry.read_at, entry.problem or Problem("its recording has no file", RECOLLECT))
    try:
        path = (directory / entry.file).resolve()
    except ValueError:
        return RecordedGuest(name, problem=Problem("its recording's name is no file name", "mend facts.json"))
    if path.exists() and not path.is_file():
        return RecordedGuest(name, problem=Problem("its recording is no file", f"look at {printable(entry.file, 80)}"))
    if not path.is_relative_to(directory.resolve()):
        return RecordedGuest(
            name, problem=Problem(f"its recording lies outside {directory}", "keep recordings inside the facts folder")
        )
    try:
        with path.open("rb") as file:
            output = file.read(OUTPUT_LIMIT)
    except OSError as error:
        return RecordedGuest(
            name,
            b"",
            entry.read_at,
            Problem(f"its recording cannot be read: {error.strerror}", f"look at {entry.file}"),
        )
    return RecordedGuest(name, output, entry.read_at, entry.problem)


def merge(parts: Iterable[Facts]) -> Facts:
    """Several readings as one: of a guest or subscription that was read twice the newer counts, and a note says so.

    Two guests of one name that read different VM ids are two machines: both stay, the second under another name.
    """
    guests: dict[str, RecordedGuest] = {}
    subscriptions: dict[str, RecordedSubscription] = {}
    labels: list[str] = []
    notes: list[str] = []
    for facts in parts:
        labels.append(facts.label)
        notes += facts.notes
        for guest in facts.guests:
            _take_guest(guest, guests, notes)
        for each in facts.subscriptions:
            other = subscriptions.get(each.id)
            if other is not None:
                notes.append(_newer_note(f"subscription {each.id}", other.read_at, each.read_at))
            if other is None or _is_newer(each.read_at, other.read_at):
                subscriptions[each.id] = each
    return Facts(
        tuple(guests[name] for name in sorted(guests)),
        tuple(subscriptions[name] for name in sorted(subscriptions)),
        "; ".join(x for x in dict.fromkeys(labels) if x),
        tuple(notes),
    )


def _take_guest(guest: RecordedGuest, guests: dict[str, RecordedGuest], notes: list[str]) -> None:
    other = guests.get(guest.name)
    if other is None:
        guests[guest.name] = guest
        return
    (vm, time), (other_vm, other_time) = _identity(guest), _identity(other)
    if vm and other_vm and vm != other_vm:
        name = _free_name(guest.name, {name.casefold() for name in guests})
        guests[name] = replace(guest, name=name)
        notes.append(f"two machines go by the name {guest.name}: the second is {name} here")
        return
    notes.append(_newer_note(guest.name, other_time, time))
    if _is_newer(time, other_time):
        guests[guest.name] = guest


def _identity(guest: RecordedGuest) -> tuple[str | None, datetime | None]:
    """The VM id that a recording holds, and when it was read: by the collector's clock, else by the guest's."""
    try:
        found = parse_guest(guest.output).identity
    except Unreadable:
        return None, guest.read_at
    return found.vm_id, guest.read_at or found.collected_at


def _is_newer(time: datetime | None, than: datetime | None) -> bool:
    """A reading of unknown date is older than any other; of two such, or of two at once, the last that was named counts."""
    return than is None or (time is not None and time >= than)


def _newer_note(what: str, first: datetime | None, second: datetime | None) -> str:
    one, two = (f"{t.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if t else "an unknown date" for t in (first, second))
    counts, older = (two, one) if _is_newer(second, first) else (one, two)
    return f"{what} was read twice: the reading of {counts} counts, that of {older} does not"

"""Recorded facts: the seam between reading and judging.

A facts directory holds raw recordings (the probe's own output, one file a guest; ARM's own JSON, one file a resource
type and subscription) and `facts.json`, which says who was read, when, and what could not be read. Files may also be
brought by hand: what has no entry in `facts.json` is read all the same.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import quote, unquote

import msgspec

from backup_compliance import __version__
from backup_compliance.configuration import ConfigurationError
from backup_compliance.guest.output import OUTPUT_LIMIT
from backup_compliance.platform.recorded import SubscriptionEntry, load_subscriptions, save_subscriptions
from backup_compliance.recorded import Problem, RecordedGuest, RecordedSubscription, host_id
from backup_compliance.untrusted import printable

SCHEMA: Final = 1
INDEX: Final = "facts.json"


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was read for one run."""

    guests: tuple[RecordedGuest, ...] = ()
    subscriptions: tuple[RecordedSubscription, ...] = ()
    label: str = ""
    """What the recordings are, when they say it themselves (`made-up samples`)."""


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
        shutil.rmtree(building, ignore_errors=True)
        raise ConfigurationError(f"--save-facts: {error}") from error


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
        return RecordedGuest(
            name, b"", entry.read_at, entry.problem or Problem("its recording has no file", "collect again")
        )
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
    """Several readings as one; a guest or subscription that was read twice counts as it was read last."""
    guests: dict[str, RecordedGuest] = {}
    subscriptions: dict[str, RecordedSubscription] = {}
    labels = []
    for facts in parts:
        labels.append(facts.label)
        guests.update({guest.name: guest for guest in facts.guests})
        subscriptions.update({each.id: each for each in facts.subscriptions})
    return Facts(
        tuple(guests[name] for name in sorted(guests)),
        tuple(subscriptions[name] for name in sorted(subscriptions)),
        "; ".join(x for x in dict.fromkeys(labels) if x),
    )

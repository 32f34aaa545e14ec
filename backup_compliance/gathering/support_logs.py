"""Fetches the support logs that the article names, one archive for each guest with a failed control.

Only reads: the guest masks and sends text, and the archive is made here. What a guest sends is hostile: names become
names below the host's own folder, sizes are bounded before anything is unpacked, and everything is masked once more.
"""

from __future__ import annotations

import base64
import binascii
import io
import re
import tarfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

from backup_compliance.guest.linux.agent_layouts import LAYOUTS
from backup_compliance.guest.transport.connection import bounded_connections, set_deadline
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import ReadLimits, expand, read_guests
from backup_compliance.model.masking import mask_secrets
from backup_compliance.model.recorded import RecordedGuest
from backup_compliance.model.sanitize import printable

SCRIPT: Final = Path(__file__).with_name("support_logs.sh")
ARCHIVE_LIMIT: Final = 50_000_000
"""Bytes of one guest's logs, unpacked."""
FILE_LIMIT: Final = 8_000_000
ROUNDS: Final = 60
"""As many as there are files at most: each sends one at least."""
FOLDER: Final = "logs"
_PEM: Final = re.compile(r"-----BEGIN [^-]*-----.*?(?:-----END [^-]*-----|\Z)", re.DOTALL)
_SETTINGS: Final = (
    re.compile(r"(?is)(<ProtectedSettings\b[^>]{0,200}>).*?(</ProtectedSettings>|\Z)"),
    re.compile(r"(?i)(protectedSettings\w{0,40}[\\\"'\s]{0,9}:[\\\"'\s]{0,9})[^\\\"'\s,}<&]+()"),
    re.compile(r"(?is)(&quot;protectedSettings\w*&quot;\s*:\s*&quot;).*?(&quot;|\Z)"),
)
_ENCODED_SIGNATURE: Final = re.compile(r"(?i)(sig%3d)[^&\"<>\s]+")


class SupportLog(msgspec.Struct, frozen=True, kw_only=True):
    """The support logs of one guest with a failed control."""

    host: str
    file: str
    """The archive, relative to the reports; empty where nothing came."""
    told: str
    """What came, or why nothing did."""


@dataclass
class Fetched:
    """What came from one guest so far."""

    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    size: int = 0
    more: int | None = 0
    """Where to go on; None when everything was sent."""


def logs_command(start: int) -> str:
    """The script as one command line that every login shell takes, beginning behind file number `start`."""
    lines = (line for line in SCRIPT.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#"))
    encoded = base64.b64encode("\n".join(lines).encode()).decode()
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    folders = ",".join(dict.fromkeys(layout.state_folder for layout in LAYOUTS))
    return f"/usr/bin/env PATH={path} AVB_FROM={start:d} AVB_STATE_FOLDERS={folders} /bin/sh -c 'eval \"$(echo {encoded} | base64 -d)\"'"


def collect_logs(
    targets: Sequence[Target], wanted: Collection[str], connection: Mapping[str, Any], limits: ReadLimits, folder: Path
) -> list[SupportLog]:
    """Archives below `folder`/logs of the guests whose host ids are `wanted`; a guest that sends none says why.

    Guests are asked side by side, in rounds: what a command may answer is bounded, and most are done in one.
    """
    with bounded_connections():
        set_deadline(limits.timeout)
        targets, _ = expand(targets, connection)
    found = {t.name: Fetched() for t in targets if t.name in wanted}
    for _ in range(ROUNDS):
        starts = {entry.more for entry in found.values() if entry.more is not None}
        if not starts:
            break
        for start in sorted(starts):
            asked = [t for t in targets if t.name in found and found[t.name].more == start]
            for guest in read_guests(asked, connection, logs_command(start), limits):
                if guest.name in found:
                    take(found[guest.name], guest)
    return [_written(host, entry, folder) for host, entry in sorted(found.items())]


def take(entry: Fetched, guest: RecordedGuest) -> None:
    """Add what one command of a guest sent."""
    lines = guest.output.decode("ascii", "replace").splitlines()
    start = next((n for n, line in enumerate(lines) if line == "avb-logs 1"), None)
    last, entry.more = entry.more or 0, None
    if start is None:
        problem = guest.problem
        entry.notes.append(f"not fetched: {printable(problem.reason) if problem else 'no logs in its answer'}")
        return
    name, kept = "", list[str]()
    for line in lines[start + 1 :]:
        word, _, rest = line.partition(" ")
        if word == "file":
            name, kept = rest.partition(" ")[2], []
        elif word == "end-file":
            _keep(entry, name, "".join(kept))
        elif word == "left-out":
            entry.notes.append(f"left out, too large: {printable(rest, 200)}")
        elif word == "more" and rest.isdigit() and int(rest) > last and entry.size < ARCHIVE_LIMIT:
            entry.more = int(rest)
        else:
            kept.append(line)


def _keep(entry: Fetched, name: str, encoded: str) -> None:
    """One file, unpacked within its bounds and masked."""
    if entry.size >= ARCHIVE_LIMIT:
        entry.notes.append(f"left out, the archive is full: {printable(name, 200)}")
        return
    try:
        unpacking = zlib.decompressobj(wbits=31)
        text = unpacking.decompress(base64.b64decode(encoded, validate=True), FILE_LIMIT)
    except (binascii.Error, ValueError, zlib.error):
        entry.notes.append(f"damaged: {printable(name, 200)}")
        return
    masked = mask_log(text.decode("utf-8", "replace")).encode()
    entry.size += len(masked)
    entry.files[member_name(name)] = masked


def member_name(path: str) -> str:
    """A path of the guest as a name in its archive: relative, no step upwards, no odd signs."""
    parts = [re.sub(r"[^A-Za-z0-9._@:+ -]", "_", part) for part in PurePosixPath(path).parts]
    return "/".join(part for part in parts if part.strip("._ ")) or "unnamed"


def mask_log(text: str) -> str:
    """`text` without keys, certificates, protected settings, SAS signatures and passwords."""
    text = _PEM.sub("(a key or certificate was here)", text)
    for pattern in _SETTINGS:
        text = pattern.sub(r"\1***\2", text)
    return mask_secrets(_ENCODED_SIGNATURE.sub(r"\1***", text))


def _written(host: str, entry: Fetched, folder: Path) -> SupportLog:
    told = "; ".join(entry.notes[:3])
    if not entry.files:
        return SupportLog(host=host, file="", told=told or "the guest has none of the files")
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    # host ids are safe for file names but for the colon before a port
    path = folder / FOLDER / f"{host.replace(':', '_')}.tar.gz"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    with tarfile.open(path, "w:gz") as archive:
        for name, content in sorted(entry.files.items()):
            _add(archive, f"{path.name.removesuffix('.tar.gz')}/{name}", content)
    size = f"{len(entry.files)} files, {entry.size / 1e6:.1f} MB unpacked"
    return SupportLog(host=host, file=f"{FOLDER}/{path.name}", told=f"{size}{'; ' + told if told else ''}")


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(content), 0o600
    archive.addfile(member, io.BytesIO(content))

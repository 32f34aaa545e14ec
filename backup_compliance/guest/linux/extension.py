"""The backup extension (VMSnapshotLinux) as its files tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.extension_status.messages import HandlerMessage, parse_handler_message
from backup_compliance.guest.extension_status.reading import NEXT_BACKUP_WRITES_IT, ExtensionStatus, parse_status_text
from backup_compliance.guest.linux.files import parse_files, parse_lines
from backup_compliance.guest.linux.goal_state import parse_goal_state
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import exact_version
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

NAME: Final = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
LOG_FOLDER: Final = f"/var/log/azure/{NAME}"
# a run that begins renames what the run before it left: 41.status becomes 41_status
_STATUS_FILE: Final = re.compile(r"(/.*)/status/([0-9]{1,9})([._])status")
_Contents = Mapping[str, list[str]]


def parse_backup_extension(output: ProbeOutput, *, health: bool = True) -> BackupExtension | None:
    """Every version's directory and other traces; None where there is no trace at all.

    Args:
        output: what the probe printed.
        health: whether the active handler's own files are read; its version needs none of them.
    """
    part = output.one("extension")
    files = parse_files(output)
    contents = parse_lines(part.text)
    # a status file that is there and told nothing must not look like one that was never written
    for path in (line.removeprefix("status ") for line in part.lines() if line.startswith("status /")):
        contents.setdefault(path, [])
    paths = [line.removeprefix("handler ") for line in part.lines() if line.startswith("handler /")]
    found = {p: h for p in paths if (h := _folder(p, contents)) is not None}
    active = BackupExtension(tuple(found.values()), ()).active
    # only the one at work is asked for its health: what an older folder left behind troubles nobody
    handlers = tuple(_with_health(h, p, contents) if h is active and health else h for p, h in found.items())
    traces = [p for p in files.below(f"/var/lib/waagent/{NAME}") if p not in found]
    if files.exists(LOG_FOLDER):
        traces.append(LOG_FOLDER)
    goal = parse_goal_state(output)
    if goal is not None and goal.backup_extension_requested:
        traces.append("named in the VM's goal state")
    if not handlers and not traces:
        return None
    return BackupExtension(handlers, tuple(printable(t) for t in traces))


def _folder(path: str, contents: _Contents) -> Handler | None:
    version = exact_version(path.rsplit("-", 1)[-1])
    if version is None:
        return None
    state = "".join(contents.get(f"{path}/config/HandlerState", [])).strip() or None
    return Handler(printable(path), version, printable(state, 40) if state else None, None, "", None)


def _with_health(handler: Handler, path: str, contents: _Contents) -> Handler:
    health = _json(f"{path}/config/HandlerStatus", contents)
    health = health if isinstance(health, dict) else {}
    status = health.get("status")
    message = _message(health, path)
    last = _last_status(path, contents)
    return replace(
        handler,
        status=printable(status, 40) if isinstance(status, str) and status else None,
        message=message.shown,
        exit_code=message.exit_code,
        missing_modules=message.missing_modules,
        last=last,
        earlier=_earlier_statuses(path, contents) if last is not None and last.is_under_way else (),
    )


def _last_status(folder: str, contents: _Contents) -> ExtensionStatus | None:
    """The report with the highest number, which is the one that the agent sends on."""
    numbers = {int(m.group(2)): p for p in contents if (m := _STATUS_FILE.fullmatch(p)) and _is_newest(m, folder)}
    return _status(numbers[max(numbers)], contents) if numbers else None


def _is_newest(name: re.Match[str], folder: str) -> bool:
    return name.group(1) == folder and name.group(3) == "."


def _earlier_statuses(folder: str, contents: _Contents) -> tuple[ExtensionStatus, ...]:
    """Every other report that was read, of other versions too: an update leaves them in their own folder."""
    names = {p: m for p in contents if (m := _STATUS_FILE.fullmatch(p))}
    last = max((m for m in names.values() if _is_newest(m, folder)), key=lambda m: int(m.group(2))).group()
    return tuple(_status(p, contents) for p in names if p != last)


def _status(path: str, contents: _Contents) -> ExtensionStatus:
    return parse_status_text("\n".join(contents.get(path, [])), printable(path))


def _json(path: str, contents: _Contents) -> Any:
    text = "\n".join(contents.get(path, []))
    if not text.strip():
        return None
    try:
        return json.loads(text.strip("\x00\ufeff \n"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{printable(path)} is no readable JSON", NEXT_BACKUP_WRITES_IT) from error


def _message(status: Mapping[str, Any], folder: str) -> HandlerMessage:
    formatted = status.get("formattedMessage")
    message = formatted.get("message") if isinstance(formatted, dict) else status.get("message")
    return parse_handler_message(message if isinstance(message, str) else "", folder)

"""The backup extension (VMSnapshotLinux) as its files tell, and the interpreter it would start."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, Final

from backup_compliance.guest.facts import BackupExtension, ExtensionStatus, Handler, Interpreter
from backup_compliance.guest.linux.files import parse_files, parse_lines
from backup_compliance.guest.linux.goal_state import parse_goal_state
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import exact_version, parse_version
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import Unreadable

NAME: Final = "Microsoft.Azure.RecoveryServices.VMSnapshotLinux"
STATUSES: Final = frozenset({"transitioning", "error", "success", "warning"})
"""What a handler may write as its status."""
LOG_FOLDER: Final = f"/var/log/azure/{NAME}"

# ExtensionErrorCodeHelper.py of the extension, and the messages its handler writes.
EXIT_CODES: Final = {
    11: "a parameter of the command is wrong",
    13: "the guest's clock is wrong",
    15: "an HTTP request failed",
    16: "the guest agent's certificate was not found",
    76: "no network: neither the host nor storage could be reached",
    85: "the limit of snapshots is reached",
    121: "fsfreeze failed",
    122: "fsfreeze timed out",
    123: "a mount could not be opened for fsfreeze",
    124: "the safefreeze binary is missing",
    173: "snapshots were asked for too often",
    402: "the command started too late",
    556: "the host answered the snapshot request with a server error",
    761: "restricted network: the host could not be reached",
}


def exit_code_meaning(code: int | None) -> str:
    """The extension's own meaning of an exit code, or an empty text."""
    if code is None:
        return ""
    if 300 <= code <= 318:
        return EXIT_CODES.get(code, "a pre- or post-script failed or is not configured properly")
    if 500 <= code <= 512:
        return "a workload script failed"
    return EXIT_CODES.get(code, "")


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


def _folder(path: str, contents: dict[str, list[str]]) -> Handler | None:
    version = exact_version(path.rsplit("-", 1)[-1])
    if version is None:
        return None
    state = "".join(contents.get(f"{path}/config/HandlerState", [])).strip() or None
    return Handler(printable(path), version, printable(state, 40) if state else None, None, "", None)


def _with_health(handler: Handler, path: str, contents: dict[str, list[str]]) -> Handler:
    health = _json(f"{path}/config/HandlerStatus", contents)
    health = health if isinstance(health, dict) else {}
    status = health.get("status")
    return replace(
        handler,
        status=printable(status, 40) if isinstance(status, str) and status else None,
        message=_message(health),
        last=_last_status(path, contents),
    )


def _last_status(path: str, contents: dict[str, list[str]]) -> ExtensionStatus | None:
    names = [p for p in contents if p.startswith(f"{path}/status/")]
    if not names:
        return None
    document = _json(names[0], contents)
    entry = document[0] if isinstance(document, list) and document else None
    status = entry.get("status") if isinstance(entry, dict) else None
    result = status.get("status") if isinstance(status, dict) else None
    result = result.lower() if isinstance(result, str) else ""
    if not isinstance(entry, dict) or not isinstance(status, dict) or result not in STATUSES:
        raise Unreadable(f"{printable(names[0])} holds no extension status", "let the next backup write it again")
    return ExtensionStatus(
        file=printable(names[0]),
        status=result,
        code=_code(status),
        message=_message(status),
        time=printable(time, 40) if isinstance(time := entry.get("timestampUTC"), str) else None,
    )


def _json(path: str, contents: dict[str, list[str]]) -> Any:
    text = "\n".join(contents.get(path, []))
    if not text.strip():
        return None
    try:
        return json.loads(text.strip("\x00\ufeff \n"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"{printable(path)} is no readable JSON", "let the next backup write it again") from error


def _code(status: dict[str, Any]) -> int | None:
    code = status.get("code")
    number = re.fullmatch(r"-?[0-9]{1,9}", str(code)) if isinstance(code, int | str) else None
    return int(number.group()) if number else None


def _message(status: dict[str, Any]) -> str:
    formatted = status.get("formattedMessage")
    message = formatted.get("message") if isinstance(formatted, dict) else status.get("message")
    return printable(message, 300) if isinstance(message, str) else ""


def parse_interpreter(output: ProbeOutput) -> Interpreter | None:
    """The first Python of the launcher's list that exists; None where none does."""
    part = output.one("python")
    path = part.pairs().get("path")
    if path is None and "searched" not in part.pairs():
        raise Unreadable("nothing was looked for in /usr/bin", "collect again with this version's probe.sh")
    if path is None:
        return None
    told = re.search(r"^Python ([0-9.]{3,40})", part.text, re.MULTILINE)
    version = parse_version(told.group(1)) if told else None
    if version is None:
        raise Unreadable(f"{printable(path)} -V printed no version", "run it on the guest")
    return Interpreter(printable(path), version)

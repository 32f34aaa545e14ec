"""The backup extension on Windows (VMSnapshot), its VSS provider's service, and SQL Server beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime
from typing import Final

from backup_compliance.guest.extension_status.facts import BackupExtension, Handler
from backup_compliance.guest.extension_status.messages import parse_handler_message
from backup_compliance.guest.extension_status.reading import ExtensionStatus, parse_status, parse_status_time
from backup_compliance.guest.probe_output import Part, ProbeOutput
from backup_compliance.guest.versions import exact_version
from backup_compliance.guest.windows.agent import parse_service
from backup_compliance.guest.windows.facts import SqlServer, WindowsService
from backup_compliance.guest.windows.output import key, names, powershell, registry
from backup_compliance.guest.windows.registry import Key
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable

NAME: Final = "Microsoft.Azure.RecoveryServices.VMSnapshot"
PROVIDER: Final = "IaasVmProvider"
COPY_ONLY: Final = "USEVSSCOPYBACKUP"
FULL: Final = "UseVssFullBackup"
SUBSTATUS: Final = "substatus="
REVISION: Final = 2
"""From this revision on the probe tells when the agent wrote its report, and its substatuses."""


def parse_provider(output: ProbeOutput) -> WindowsService | None:
    """The service of the extension's own VSS provider; None where there is none."""
    return parse_service(output, PROVIDER)


def parse_backup_extension(output: ProbeOutput) -> BackupExtension | None:
    """Every version's HandlerState and other traces; None where there is no trace at all."""
    found = {h: k for k in _states(output).values() if (h := _handler(k)) is not None}
    active = BackupExtension(tuple(found), ()).active
    written = _reported_at(output) if active is not None else None
    handlers = tuple(_with_health(h, output) if h is active else h for h in found)
    traces = _traces(output)
    return BackupExtension(handlers, traces, written) if handlers or traces else None


def parse_presence(output: ProbeOutput) -> tuple[str, ...]:
    """Whatever shows that the extension is there, in the order of its weight; its health is not asked for."""
    handlers = (h.path for k in _states(output).values() if (h := _handler(k)) is not None)
    return (*handlers, *_traces(output))


def _states(output: ProbeOutput) -> dict[str, Key]:
    return registry(output, "handlers", may_be_empty="handlerstate" in names(output, "azure"))


def _traces(output: ProbeOutput) -> tuple[str, ...]:
    """What the extension leaves behind; settings that people or the platform write before it comes are none of it."""
    found = []
    for name, value in (("bcdr", "IsProviderInstalled"), ("bcdr-persistent", "IsCommonProviderInstalled")):
        kept = key(output, name)
        # False is what the documented way to install it again writes
        if kept is not None and (kept.text(value) or "").casefold() == "true":
            found.append(printable(f"{kept.path} {value}", 160))
    if parse_provider(output) is not None:
        found.append(f"service {PROVIDER}")
    if any(p.pairs().get("backup-extension") == "yes" for p in output.all("goal-state")):
        found.append("named in the VM's goal state")
    return tuple(found)


def _handler(found: Key) -> Handler | None:
    name, _, number = found.path.rpartition("\\")[2].rpartition("_")
    version = exact_version(number)
    if version is None or name.casefold() != NAME.casefold():
        return None
    state = found.text("InstallState") or found.text("State")
    return Handler(printable(found.path, 200), version, printable(state, 40) if state else None, None, "", None)


def _with_health(handler: Handler, output: ProbeOutput) -> Handler:
    """What the agent reports of this version to the platform (aggregatestatus.json)."""
    told = [p for p in output.all("handler") if len(p.words) > 1 and exact_version(p.words[1]) == handler.version]
    if not told:
        return handler
    pairs = told[-1].pairs()
    message = parse_handler_message(pairs.get("message", ""))
    return replace(
        handler,
        status=printable(pairs["status"], 40) if pairs.get("status") else None,
        message=message.shown,
        exit_code=message.exit_code,
        last=_last(told[-1]),
    )


def _reported_at(output: ProbeOutput) -> datetime | None:
    """When the agent wrote its report, by the guest's clock; None for a recording from before the probe told.

    Raises `Unreadable` where there is no report.
    """
    listed = powershell(output, "aggregate-status").pairs()
    if listed.get("file") != "read":
        raise Unreadable(
            r"the agent's aggregatestatus.json is not in C:\WindowsAzure\Logs\AggregateStatus",
            "start the agent: it writes its report there",
        )
    if output.revision < REVISION:
        return None
    written = parse_status_time(listed.get("written"))
    if written is None:
        raise Unreadable("the agent's aggregatestatus.json does not tell when it was written", "restart the agent")
    return written


def _last(part: Part) -> ExtensionStatus | None:
    """The report that the probe takes apart into lines, put together again; its substatuses come as they are."""
    pairs = part.pairs()
    if not pairs.get("last"):
        return None
    lines = [line.removeprefix(SUBSTATUS).strip() for line in part.lines() if line.startswith(SUBSTATUS)]
    try:
        substatuses = [json.loads(line) for line in lines]
    except (ValueError, RecursionError) as error:
        raise Unreadable("a substatus in aggregatestatus.json is no readable JSON, or too long", RECOLLECT) from error
    status = {
        "status": pairs["last"],
        "code": pairs.get("code"),
        "formattedMessage": {"message": pairs.get("said", "")},
        "substatus": substatuses,
    }
    return parse_status([{"timestampUTC": pairs.get("time"), "status": status}], "aggregatestatus.json")


def parse_sql_server(output: ProbeOutput) -> SqlServer | None:
    """SQL Server's instances and how the extension is told to treat them; None where there is no instance.

    The key alone says nothing: client tools and drivers make it too.
    """
    instances = [*_instances(output, ""), *_instances(output, "-32")]
    if not instances:
        return None
    settings, other = key(output, "bcdr"), key(output, "bcdr-32")
    copy_only = settings.values.get(COPY_ONLY.casefold()) if settings else None
    full = settings.values.get(FULL.casefold()) if settings else None
    hint = other is not None and settings is None and other.values.get(COPY_ONLY.casefold()) is not None
    return SqlServer(
        instances=tuple(dict.fromkeys(printable(i, 60) for i in instances)),
        copy_only=None if copy_only is None else printable(str(copy_only), 60),
        copy_only_is_text=isinstance(copy_only, str),
        full=None if full is None else printable(str(full), 60),
        path=r"HKLM\SOFTWARE\Microsoft\BcdrAgent",
        hint=printable(other.path, 120) if other and hint else "",
    )


def _instances(output: ProbeOutput, view: str) -> list[str]:
    server = key(output, f"sql{view}")
    named = key(output, f"sql-instances{view}", may_be_empty=server is not None)
    installed = [i for i in server.strings("InstalledInstances") if i] if server else []
    return [*installed, *(n.upper() for n in (named.values if named else ()) if n)]

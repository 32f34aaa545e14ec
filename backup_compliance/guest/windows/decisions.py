"""Decisions over what only a Windows guest has; as `decisions`, each names the first thing that does not hold."""

from __future__ import annotations

from typing import Final

from backup_compliance.guest.windows.agent import AUTOMATIC, DISABLED
from backup_compliance.guest.windows.facts import SnapshotWriters, SqlServer, WindowsService
from backup_compliance.guest.windows.writers import FIRST_FAILED, STABLE
from backup_compliance.model.verdicts import Undetermined

_START_TYPES: Final = {0: "boot", 1: "system", 2: "automatic", 3: "on demand", 4: "disabled"}


def provider_failure(provider: WindowsService | None) -> str | None:
    """The extension's VSS provider exists, is enabled and starts automatically; it need not run between backups."""
    if provider is None:
        return "the service IaasVmProvider does not exist, and the extension is there"
    if provider.start == AUTOMATIC:
        return None
    kind = _START_TYPES.get(provider.start, "unknown")
    return f"{provider.name} does not start automatically: Start={provider.start} ({kind}) in {provider.path}"


def copy_backup_failure(sql: SqlServer) -> str | None:
    """The extension is told to take copy-only backups, so that the database's own backup chain stays whole."""
    where = f"{sql.path} USEVSSCOPYBACKUP"
    instances = f"SQL Server is installed ({', '.join(sql.instances)})"
    if sql.full is not None and sql.full.casefold() == "true":
        return f"{instances} and {sql.path} UseVssFullBackup is {sql.full}"
    if sql.copy_only is None:
        elsewhere = f"; it is in {sql.hint}, where the extension does not look" if sql.hint else ""
        return f"{instances} and {where} is not set{elsewhere}"
    if not sql.copy_only_is_text:
        return f"{where} is {sql.copy_only}, and not a REG_SZ"
    return None if sql.copy_only.casefold() == "true" else f"{where} is {sql.copy_only!r}, not TRUE"


def writers_failure(found: SnapshotWriters | None) -> str | None:
    """Every VSS writer is stable and without an error, and the service may start; None has none (Linux)."""
    if found is None:
        return None
    if found.service is not None and found.service.start == DISABLED:
        return f"the Volume Shadow Copy service is disabled (Start=4 in {found.service.path})"
    failed = next((w for w in found.writers if w.state >= FIRST_FAILED), None)
    if failed is not None:
        return f"the VSS writer {failed.name} {failed.id} has failed, state [{failed.state}] ({failed.last_error}), and stays so until its service restarts"
    if found.usual_error is None and found.writers:
        raise Undetermined(
            f"whether {found.writers[0].last_error!r} means no error is not known: no VSS writer says so in words that are known here",
            "look at vssadmin list writers in the guest",
        )
    odd = next((w for w in found.writers if w.last_error != found.usual_error), None)
    if odd is not None:
        return f"the VSS writer {odd.name} {odd.id} says {odd.last_error!r}"
    busy = next((w for w in found.writers if w.state != STABLE), None)
    if busy is not None:
        raise Undetermined(
            f"the VSS writer {busy.name} is in state [{busy.state}]: a backup is under way, or hangs",
            "collect again when no backup runs",
        )
    return None

"""The backup extension in a guest: its versions, their health, and the Pythons that may run it; small frozen records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from packaging.version import Version

from backup_compliance.guest.extension_status.reading import ExtensionStatus


@dataclass(frozen=True, slots=True)
class Handler:
    """One version's directory of the backup extension."""

    path: str
    version: Version
    state: str | None
    """HandlerState: NotInstalled, Installed, Enabled, FailedUpgrade."""
    status: str | None
    """HandlerStatus: Ready, NotReady, Installing, Unresponsive."""
    message: str
    last: ExtensionStatus | None
    """The newest report of a run."""
    earlier: tuple[ExtensionStatus, ...] = ()
    """Reports of runs before it, in any order; read only while the last run is under way."""
    exit_code: int | None = None
    """Of the handler's last command, where the agent says that it failed."""
    missing_modules: tuple[str, ...] = ()
    """Python modules that the command asked for in vain, the last first."""


@dataclass(frozen=True, slots=True)
class BackupExtension:
    """Every trace of the backup extension in the guest."""

    handlers: tuple[Handler, ...]
    traces: tuple[str, ...]
    """Other files and requests that show it was once asked for: its log folder, its package."""
    reported_at: datetime | None = None
    """When a Windows agent wrote the report that the health is from; None where its recording does not tell, and on Linux."""

    @property
    def active(self) -> Handler | None:
        """The newest enabled handler, else the newest of all."""
        enabled = [h for h in self.handlers if h.state == "Enabled"]
        return max(enabled or self.handlers, key=lambda h: h.version, default=None)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that the extension's launcher tries."""

    path: str
    version: Version | None
    """None where it does not tell: it does not start, or its version was not asked for."""
    found: str = "in the launcher's list"

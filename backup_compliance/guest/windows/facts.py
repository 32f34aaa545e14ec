"""What only a Windows guest has: services, VSS writers, SQL Server beside the backup extension."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WindowsService:
    """A Windows service as its registry key tells it."""

    name: str
    path: str
    start: int
    """0 boot, 1 system, 2 automatic, 3 on demand, 4 disabled."""
    delayed: bool
    """Automatic, some minutes after the start."""
    restarts: bool
    """Whether the first failure restarts it."""
    failure_actions: tuple[int, ...]
    """0 nothing, 1 restart, 2 reboot, 3 run a command; for the first failure, the second ..."""


@dataclass(frozen=True, slots=True)
class Writer:
    """A VSS writer: what brings an application's files into a state that can be copied."""

    name: str
    id: str
    state: int
    """1 is stable; from 6 on it failed."""
    last_error: str
    """In the guest's language."""


@dataclass(frozen=True, slots=True)
class SnapshotWriters:
    """Every VSS writer of a Windows guest, and the service that runs them."""

    writers: tuple[Writer, ...]
    service: WindowsService | None
    usual_error: str | None
    """What this guest says where there is no error."""


@dataclass(frozen=True, slots=True)
class SqlServer:
    """SQL Server's instances in a guest, and how the backup extension treats them."""

    instances: tuple[str, ...]
    copy_only: str | None
    """`USEVSSCOPYBACKUP` as text, whatever type it has; None where it is not set."""
    copy_only_is_text: bool
    full: str | None
    """`UseVssFullBackup`."""
    path: str
    hint: str
    """Where else the value was found, in the view that the extension does not read; empty if nowhere."""

"""Which words of a vault name virtual machines and their backups, and which are known to name something else; pure.

The words are those of the REST API's models (2016 to 2025), in lower case. A word in neither table proves nothing.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

ITEMS_OF_VMS: Final = frozenset(
    {"microsoft.compute/virtualmachines", "microsoft.classiccompute/virtualmachines", "azureiaasvmprotecteditem"}
)
OTHER_ITEMS: Final = frozenset(
    {
        *("azurefileshareprotecteditem", "microsoft.sql/servers/databases", "azurevmworkloadprotecteditem"),
        *("azurevmworkloadsqldatabase", "azurevmworkloadsapasedatabase", "azurevmworkloadsaphanadatabase"),
        *("azurevmworkloadsaphanadbinstance", "dpmprotecteditem", "mabfilefolderprotecteditem"),
    }
)
JOBS_OF_VMS: Final = frozenset({"azureiaasvmjob", "azureiaasvmjobv2"})
OTHER_JOBS: Final = frozenset({"azurestoragejob", "azureworkloadjob", "dpmjob", "mabjob", "vaultjob"})
_MANAGEMENT: Final = frozenset({"azureiaasvm"})
_OTHER_MANAGEMENT: Final = frozenset({"mab", "dpm", "azurebackupserver", "azuresql", "azurestorage", "azureworkload"})
_BACKUP: Final = "backup"
_OTHER_OPERATIONS: Final = frozenset(
    {
        *("register", "unregister", "configurebackup", "restore", "disablebackup", "deletebackupdata"),
        *("crossregionrestore", "undelete", "updatecustomermanagedkey"),
    }
)


def item_is_of_vm(kind: str, management: str) -> bool | None:
    """Whether a protected item is a virtual machine's, by `protectedItemType` and `backupManagementType`."""
    return _agreed((kind, _known(kind, ITEMS_OF_VMS, OTHER_ITEMS)), (management, is_of_vms(management)))


def job_is_of_vm(kind: str, management: str) -> bool | None:
    """Whether a job is about a virtual machine, by `jobType` and `backupManagementType`; so it is where it has neither."""
    if not kind and not management:
        return True
    return _agreed((kind, _known(kind, JOBS_OF_VMS, OTHER_JOBS)), (management, is_of_vms(management)))


def is_of_vms(management: str) -> bool | None:
    """Whether a `backupManagementType` is that of virtual machines."""
    return _known(management, _MANAGEMENT, _OTHER_MANAGEMENT)


def is_backup(operation: str) -> bool | None:
    """Whether a job's `operation` is a backup."""
    return _known(operation, {_BACKUP}, _OTHER_OPERATIONS)


def _known(word: str, own: Set[str], others: Set[str]) -> bool | None:
    lower = word.lower()
    return True if lower in own else False if lower in others else None


def _agreed(*told: tuple[str, bool | None]) -> bool | None:
    """What the words that there are say; None where they contradict each other, or only one word for machines is known."""
    said = {answer for word, answer in told if word}
    if said == {True}:
        return True
    return False if False in said and True not in said else None

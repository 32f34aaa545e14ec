"""What the vault's error codes mean for the preconditions, in words of our own, and which controls explain them.

Titles are those of Microsoft's articles on agent and extension failures and on VM backup errors (2022 to 2025);
numbers are those that recorded jobs and items carry, or that the articles print beside a title. A title in neither
table is unknown: it may or may not concern the agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backup_compliance.platform.estate.backup import BackupError


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an error points at the agent or the snapshot."""

    meaning: str
    controls: tuple[str, ...]
    """Controls that look for the cause; none where nothing that is read here shows it."""


def _explanations(table: str) -> Mapping[str, Explanation]:
    """Lines of `Title [Title ...] | meaning | controls`."""
    found = {}
    for line in table.strip().splitlines():
        titles, meaning, controls = (part.strip() for part in line.split("|"))
        for title in titles.split():
            found[title.lower()] = Explanation(meaning, tuple(controls.split()))
    return found


AGENT_OR_SNAPSHOT: Final = _explanations("""
    UserErrorGuestAgentStatusUnavailable | the agent does not report: not installed, stopped, outdated or cut off from the platform | AVB-201 AVB-211 AVB-103
    GuestAgentSnapshotTaskStatusError | the agent did not tell how the snapshot went | AVB-101 AVB-111 AVB-201 AVB-204 AVB-206 AVB-301 AVB-405
    UserErrorVmProvisioningStateFailed | the VM, mostly one of its extensions, is in a failed provisioning state | AVB-312 AVB-411
    UserErrorRpCollectionLimitReached | old restore points were not cleaned up, often because of a lock | AVB-502
    ExtensionSnapshotFailedNoNetwork | the backup extension has no way out of the VM | AVB-101 AVB-111 AVB-113 AVB-114
    ExtensionSnapshotFailedNoSecureNetwork | the backup extension cannot set up TLS | AVB-101 AVB-102
    ExtensionOperationFailedForManagedDisks ExtentionOperationFailedForManagedDisks ExtensionOperationFailed ExtentionOperationFailed | the backup extension failed | AVB-201 AVB-204 AVB-302 AVB-405
    BackUpOperationFailed BackUpOperationFailedV2 | an internal error, which mostly stands for an agent or extension that does not answer, or restore points that cannot be deleted | AVB-201 AVB-204 AVB-302 AVB-502
    ExtensionStuckInDeletionState | the backup extension is stuck while being removed | AVB-312
    UserErrorVmNotInDesirableState VmNotInDesirableState | the VM was in a state that allows no backup | AVB-411
    AzureVmOffline | the VM did not run, so the backup extension could not be installed | AVB-411 AVB-201
    UserErrorFsFreezeFailed UserErrorUnableToOpenMount | a file system could not be frozen for the snapshot | AVB-302
    VMRestorePointInternalError | something in the guest, mostly an antivirus, keeps the backup extension from running | AVB-303
    ExtensionFailedVssWriterInBadState ExtensionFailedVssServiceInBadState | Windows could not make a consistent shadow copy | AVB-401 AVB-504
    ExtensionSnapshotFailedCOM ExtensionInstallationFailedCOM ExtensionInstallationFailedMDTC | COM+ or the transaction coordinator of Windows failed the backup extension | AVB-303
    ExtensionConfigParsingFailure | the backup extension cannot read its settings; Windows keeps their key in MachineKeys | AVB-303 AVB-312
    ExtensionFailedSnapshotLimitReachedError | a disk has as many snapshots as it can have | AVB-502
    ExtensionFailedTimeoutVMNetworkUnresponsive | the VM was too busy, or its network too slow, to take the snapshot in time | AVB-402 AVB-403 AVB-412 AVB-413
    ExtensionVCRedistInstallationFailure | the Visual C++ runtime that the backup extension needs could not be installed | AVB-303
    ExtensionSnapshotBitlockerError | a drive locked by BitLocker was in the way of the snapshot |
    UserErrorRequestDisallowedByPolicy | an Azure Policy denies what the snapshot creates |
""")

UNRELATED: Final = frozenset(
    title.lower()
    for title in (
        "UserErrorJobSuccessfullyCancelled",
        *("UserErrorVmNotFoundV2", "BCMV2VMNotFound", "ResourceNotFound", "UserErrorBcmDatasourceNotPresent"),
        *("UserErrorKeyvaultPermissionsNotConfigured", "UserErrorUnsupportedDiskSize"),
        *("UserErrorBackupOperationInProgress", "CopyingVHDsFromBackUpVaultTakingLongTime"),
        *("UserErrorBCMPremiumStorageQuotaError", "UserErrorMigrationFromTrustedLaunchVMToNonTrustedVMNotAllowed"),
        *("RestoreOperationFailed", "UserErrorBCMRestoreStorageAccountNotFound", "UserErrorInstantRpNotFound"),
        *("UserErrorSkuNotAvailable", "UserErrorMarketPlaceVMNotSupported"),
    )
)
"""Known errors about something else: a cancelled job, a deleted VM, permissions, disks, restores."""

_NUMBERS: Final = {
    "320001": "resourcenotfound",
    "380008": "azurevmoffline",
    "400002": "backupoperationfailed",
    "400003": "restoreoperationfailed",
    "400048": "usererrorbcmrestorestorageaccountnotfound",
    "400094": "bcmv2vmnotfound",
    "400136": "usererrorvmnotfoundv2",
    "400158": "usererrorjobsuccessfullycancelled",
}


def find_explanation(error: BackupError) -> Explanation | None:
    """What an agent or snapshot failure means, by title or code; None for every other error."""
    return next((AGENT_OR_SNAPSHOT[n] for n in _names(error) if n in AGENT_OR_SNAPSHOT), None)


def is_unrelated(error: BackupError) -> bool:
    """Whether an error is known to concern neither agent nor snapshot."""
    return find_explanation(error) is None and any(n in UNRELATED for n in _names(error))


def _names(error: BackupError) -> tuple[str, ...]:
    """Older replies carry the title as their code."""
    return error.title.lower(), error.code.lower(), _NUMBERS.get(error.code, "")

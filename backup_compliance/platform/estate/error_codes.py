"""Azure Backup's error codes for virtual machines: one table of names, numbers, meanings and the controls that look for the cause.

Names are Microsoft's, meanings are in words of our own. Numbers are those that recorded jobs and items carry, or that a
page prints beside a name. An error that is not in the table is unknown: it may or may not concern agent and snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ErrorKind(StrEnum):
    """What an error says of the backup that carries it."""

    AGENT = "agent or snapshot"
    OTHER = "something else"
    RESTORE = "a restore"
    REJECTED = "a request that was never attempted"
    CANCELLED = "a cancelled job"


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One line of the table."""

    names: tuple[str, ...]
    """As Microsoft spells them; empty for an error that is only known by number."""
    numbers: tuple[str, ...]
    kind: ErrorKind
    meaning: str
    controls: tuple[str, ...]
    """Controls that look for the cause; none where nothing that is read here shows it."""
    page: str
    """Where the name or number is documented, with its date; or that no public page is known."""


_PAGES: Final = {
    "agent": "Troubleshoot Azure Backup failure: issues with the agent or extension (2025-11-12)",
    "vm": "Troubleshoot backup errors with Azure virtual machines (2025-11-12)",
    "sql": "Troubleshoot SQL Server database backup (2025-11-12)",
    "matrix": "Support matrix for Azure VM backups (2025-10-27)",
    "ext": "Azure/azure-linux-extensions, VMBackup (2026-08-06)",
    "issue": "Azure/azure-linux-extensions, issue 2172 (2026-07-23)",
    "help": "Azure/SelfHelpContent, azurebackup-crc texts (undated)",
    "rec": "recorded replies; no public page",
    "-": "no public page",
}
_KINDS: Final = {
    "A": ErrorKind.AGENT,
    "O": ErrorKind.OTHER,
    "R": ErrorKind.RESTORE,
    "N": ErrorKind.REJECTED,
    "C": ErrorKind.CANCELLED,
}
# kind | page | names | numbers | controls | meaning
_TABLE: Final = """
A | agent | UserErrorGuestAgentStatusUnavailable GuestAgentStatusUnavailableUserError | | AVB-201 AVB-211 AVB-103 | the agent does not report: not installed, stopped, outdated or cut off from the platform
A | agent | GuestAgentSnapshotTaskStatusError | | AVB-101 AVB-111 AVB-201 AVB-204 AVB-206 AVB-301 AVB-405 | the agent did not tell how the snapshot went
A | agent | UserErrorVmProvisioningStateFailed | | AVB-312 AVB-411 | the VM, mostly one of its extensions, is in a failed provisioning state
A | agent | UserErrorRpCollectionLimitReached | | AVB-502 | old restore points were not cleaned up, often because of a lock
A | agent | ExtensionSnapshotFailedNoNetwork | | AVB-101 AVB-111 AVB-113 AVB-114 | the backup extension has no way out of the VM
A | ext | FailedRetryableSnapshotFailedNoNetwork | | AVB-101 AVB-111 AVB-113 AVB-114 | the backup extension has no way out of the VM
A | ext | FailedRetryableSnapshotFailedRestrictedNetwork | | AVB-101 AVB-102 AVB-111 AVB-113 | the backup extension reaches the storage of some disks and not of others
A | vm | ExtensionSnapshotFailedNoSecureNetwork | | AVB-101 AVB-102 | the backup extension cannot set up TLS
A | agent | ExtensionOperationFailedForManagedDisks ExtentionOperationFailedForManagedDisks ExtensionOperationFailed ExtentionOperationFailed | | AVB-201 AVB-204 AVB-302 AVB-405 | the backup extension failed
A | agent | BackUpOperationFailed BackUpOperationFailedV2 | 400002 | AVB-201 AVB-204 AVB-302 AVB-502 | an internal error, which mostly stands for an agent or extension that does not answer, or restore points that cannot be deleted
A | issue | | 400039 | AVB-301 AVB-302 AVB-304 | the backup extension ended by itself, for instance because it cannot run on the guest's Python
A | vm | ExtensionStuckInDeletionState | | AVB-312 | the backup extension is stuck while being removed
A | vm | UserErrorVmNotInDesirableState VmNotInDesirableState | | AVB-411 | the VM was in a state that allows no backup
A | vm | AzureVmOffline | 380008 | AVB-411 AVB-201 | the VM did not run, so the backup extension could not be installed
A | sql | VMNotInRunningStateUserError | | AVB-411 | the VM is shut down or cannot be reached by the service
A | vm | UserErrorFsFreezeFailed UserErrorUnableToOpenMount | | AVB-302 | a file system could not be frozen for the snapshot
A | ext | UserErrorFsFreezeTimeout | | AVB-302 AVB-402 | freezing the file systems for the snapshot took too long
A | ext | ExtensionPreScriptTimeout | | AVB-302 | the script that prepares applications for the snapshot took too long
A | vm | VMRestorePointInternalError | | AVB-303 | something in the guest, mostly an antivirus, keeps the backup extension from running
A | vm | ExtensionFailedVssWriterInBadState ExtensionFailedVssServiceInBadState | | AVB-401 AVB-504 | Windows could not make a consistent shadow copy
A | vm | ExtensionSnapshotFailedCOM ExtensionInstallationFailedCOM ExtensionInstallationFailedMDTC | | AVB-303 | COM+ or the transaction coordinator of Windows failed the backup extension
A | help | ExtensionInstallProviderCOMMemoryQuotaReached | | AVB-303 | Windows has no desktop heap left for the snapshot provider (SharedSection in the registry)
A | vm | ExtensionConfigParsingFailure | | AVB-303 AVB-312 | the backup extension cannot read its settings; Windows keeps their key in MachineKeys
A | vm | ExtensionFailedSnapshotLimitReachedError | | AVB-502 | a disk has as many snapshots as it can have
A | help | ExtensionFailedSnapshotRateExceededError | | AVB-412 | another product took a snapshot of the disk within the same minute
A | vm | ExtensionFailedTimeoutVMNetworkUnresponsive | | AVB-402 AVB-403 AVB-412 AVB-413 | the VM was too busy, or its network too slow, to take the snapshot in time
A | help | ExtensionFailedTimeoutDelayInNetwork | | AVB-101 AVB-113 AVB-413 | the calls that take the snapshots of the disks were delayed in the network
A | help | ExtensionFailedOutOfMemoryError | | AVB-403 AVB-413 | the guest had no memory left for the backup extension
A | vm | ExtensionVCRedistInstallationFailure | | AVB-303 | the Visual C++ runtime that the backup extension needs could not be installed
A | help | ExtensionInstallationFailure | | AVB-201 AVB-302 AVB-312 | the backup extension could not be installed
A | help | ExtensionCommandExecFailure | | AVB-302 AVB-304 | a command of the backup extension could not be run in the guest
A | vm | ExtensionSnapshotBitlockerError | | | a drive locked by BitLocker was in the way of the snapshot
A | agent | UserErrorCrpReportedUserError | | AVB-312 AVB-411 | the platform reports an error of the VM; the job's message says which
A | help | UserErrorGuestAgentVersionUnsupported | | AVB-204 AVB-212 | the agent is older than what backup supports
A | help | GuestAgentCertificateNotFound | | AVB-201 AVB-204 AVB-302 | the agent's certificate that decrypts the extension's settings is missing, or the clock of the guest is wrong
A | help | GuestAgentPluginInstallCommandProcessingFailed | | AVB-302 AVB-304 | the extension's installation failed on the run-time environment: .NET on Windows, Python on Linux
A | help | BCMCrpInternalError | | AVB-201 AVB-211 AVB-312 AVB-411 | agent or extension made the platform's part of the backup fail
A | help | NoExtensionStatusButStatusBlobAvailable | | AVB-302 AVB-402 | the backup extension hung, crashed or was too slow: it wrote no status
A | help | ManagedRPCreationFailedInCrpButExtensionSucceeded | | AVB-201 AVB-204 AVB-302 | the restore point was not made although the extension had done its part
A | help | VMBackupLinuxExtensionConfFileWrongEncodingFormat | | AVB-302 | /etc/azure/vmbackup.conf is no plain text that the extension can read
A | sql | UserErrorVMInternetConnectivityIssue | | AVB-111 AVB-112 AVB-113 AVB-114 | the VM cannot reach the services of Azure Backup
A | vm | UserErrorRequestDisallowedByPolicy | | | an Azure Policy denies what the snapshot creates
A | - | UserErrorResourceIsInLockedState | | AVB-502 | a lock lies on what the backup has to change
A | - | UserErrorRpCollectionDeleted UserErrorRpCollectionMarkedForDeletion | | AVB-502 | the collection of the VM's restore points was deleted, or is being deleted
N | agent | UserErrorBackupOperationInProgress SystemBackupOperationInProgress | 400249 | | another backup of the VM was under way, so this one was not begun
N | sql | CloudDosAbsoluteLimitReached CloudDosAbsoluteLimitReachedWithRetry | | | the vault had taken as many such requests as it takes in 24 hours, so this one was not begun
C | rec | UserErrorJobSuccessfullyCancelled | 400158 | | the job was cancelled
R | rec | RestoreOperationFailed | 400003 | | a restore failed with an internal error
R | rec | UserErrorBCMRestoreStorageAccountNotFound | 400048 | | the storage account of a restore does not exist
R | vm | CopyingVHDsFromBackUpVaultTakingLongTime | | | copying disks out of the vault took too long
R | vm | UserErrorInstantRpNotFound | | | the snapshot that was to be restored is not there any more
R | vm | UserErrorSkuNotAvailable UserErrorMarketPlaceVMNotSupported | | | a VM could not be made in a restore
O | rec | UserErrorVmNotFoundV2 | 400136 | | the VM does not exist any more
O | rec | BCMV2VMNotFound | 400094 | | the VM does not exist any more
O | vm | ResourceNotFound | 320001 | | the VM does not exist any more
O | agent | UserErrorBcmDatasourceNotPresent | | | the VM is not available: deleted, or its id has changed
O | agent | UserErrorKeyvaultPermissionsNotConfigured | | | the backup service has no rights on the key vault of the encrypted VM
O | help | UserErrorInvalidVMEncryptionInfo | | | the VM's encryption settings contradict each other
O | agent | UserErrorUnsupportedDiskSize | | | a disk is larger than backup supports
O | help | UserErrorBCMUnsupportedDiskCount | | | the VM has more disks than backup supports
O | agent | UserErrorStandardSSDNotSupported | | | the vault does not support Standard SSD disks yet: upgrade it to instant restore
O | matrix | UserErrorUltraDiskOrPremiumSSDV2DiskVMCannotBeProtectedOnGRSVault | | | Ultra and Premium SSD v2 disks cannot be backed up to this geo-redundant vault
O | matrix | UserErrorSharedDiskBackupNotSupported | | | a shared disk cannot be backed up with the VM: exclude the disk under an Enhanced policy (selective disk backup)
O | matrix | UserErrorWAEnabledDisksNotSupported | | | a disk with Write Accelerator cannot be backed up: exclude the disk (selective disk backup)
O | matrix | UserErrorUnsupportedDiskConfiguration UserErrorUnsupportedStorageType | | | the VM's disks, or the storage under them, cannot be backed up as they are
O | matrix | UserErrorUnSupportedDistribution | | | backup does not support the guest's Linux distribution
O | help | UserErrorVmVaultLocationMismatch | | | VM and vault lie in different regions
O | vm | UserErrorBCMPremiumStorageQuotaError | | | the storage account has no room for the snapshot
O | vm | UserErrorMigrationFromTrustedLaunchVMToNonTrustedVMNotAllowed | | | the VM was backed up with Trusted Launch and does not have it any more
O | - | ProtectionQuotaExceeded | | | the vault protects as many machines as it can
O | - | BMSUserErrorInvalidInput BMSUserErrorInvalidConfigureProtectionRequest | | | the vault refused the request's parameters
O | - | UserErrorOperationDeniedOnImmutableItem | | | the vault's immutability forbids the operation
O | - | OperationNotAllowed | | | the platform refused the operation, for instance because a quota is used up
O | - | VMCreationTimeOutStorageErrorV2 | 400199 | | a VM was not made in time because of its storage
O | rec | | 134607754 134607755 | | a failure of the vault that is known by number only
"""


def _codes() -> Iterator[ErrorCode]:
    for line in _TABLE.strip().splitlines():
        kind, page, names, numbers, controls, meaning = (part.strip() for part in line.split("|"))
        yield ErrorCode(
            tuple(names.split()), tuple(numbers.split()), _KINDS[kind], meaning, tuple(controls.split()), _PAGES[page]
        )


ERROR_CODES: Final = tuple(_codes())
"""The whole table, in the order in which people look for causes."""

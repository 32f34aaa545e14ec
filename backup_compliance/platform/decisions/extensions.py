"""Decisions over the extensions of an instance view: each says what holds, or names what does not.

Every function returns the explanation of the failure, or None where the precondition holds; pure. A state is what the
agent last reported, so silence proves something only while the virtual machine runs and its agent is ready.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from packaging.version import Version

from backup_compliance.guest.extension_status.decisions import RunJudgement, judge_reports
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.model.verdicts import NotApplicable, Undetermined
from backup_compliance.platform.decisions.ages import aged
from backup_compliance.platform.decisions.ages import told as told_time
from backup_compliance.platform.decisions.stored_extensions import readable_extensions, stored_failures
from backup_compliance.platform.estate.backup import vault_name
from backup_compliance.platform.estate.facts import (
    ExtensionView,
    HandlerView,
    InstanceView,
    Power,
    Profile,
    Status,
    StoredExtension,
)
from backup_compliance.platform.estate.protection import Protection

SNAPSHOT: Final = "vmsnapshotlinux"
BACKUP_TYPES: Final = (SNAPSHOT, "vmsnapshot")
"""The backup extension on Linux and on Windows."""
_VERSION: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){1,4}")
_FINE: Final = {"succeeded"}
_OFF: Final = {"stopped", "stopping", "deallocated", "deallocating", "starting", "creating"}
"""Power states in which no agent reports."""
_BAD: Final = {
    *("failed", "canceled", "unavailable", "notready", "unresponsive"),
    *("creating", "updating", "deleting", "transitioning", "installing"),
}


def snapshot_versions(instance: InstanceView, profile: Profile) -> tuple[str, ...]:
    """Versions of VMSnapshotLinux, of its handlers; () where none is reported.

    The agent reports the handler, which is what runs; an extension's record may be left from long ago and never stands in.

    Raises:
        NotApplicable: Windows, whose VMSnapshot has another line of versions without a documented minimum.
        Undetermined: the operating system is not known, and no VMSnapshotLinux tells it.
    """
    if profile.operating_system == "Windows":
        raise NotApplicable("no minimum version of VMSnapshot for Windows is documented")
    handlers = instance.agent.handlers if instance.agent is not None else ()
    found = tuple(dict.fromkeys(h.version for h in handlers if _type(h) == SNAPSHOT))
    if not found and profile.operating_system is None:
        raise Undetermined("ARM does not say which operating system the VM runs, and no VMSnapshotLinux is reported")
    return found


def _type(handler: HandlerView) -> str:
    return handler.type.lower().rsplit(".", 1)[-1]


def handler_version_failure(versions: Sequence[str], minimum: str) -> str | None:
    """The lowest of `versions` (one at least) is `minimum` or more, by numbers: 1.0.91 < 1.0.9102 < 1.0.9220.

    Raises `Undetermined` for a version that is no dotted number.
    """
    odd = next((v for v in versions if not _VERSION.fullmatch(v)), None)
    if odd is not None:
        raise Undetermined(f"VMSnapshotLinux reports version {odd or 'nothing'}, which is no version number")
    lowest = min(versions, key=Version)
    return f"VMSnapshotLinux is {lowest}, the minimum is {minimum}" if Version(lowest) < Version(minimum) else None


def missing_handler_failure(
    instance: InstanceView, power: Power, protection: Protection | None, doubt: Callable[[], str]
) -> str:
    """No handler of the backup extension is reported: a failure where a backup proves that there was one.

    Args:
        instance: the instance view, which reports none.
        power: whether the virtual machine runs.
        protection: what protects it; None for nothing.
        doubt: says why the last backup does not prove it, "" where it does; asked when all else holds.

    Raises:
        NotApplicable: it is not installed yet, the virtual machine is not protected, or it does not run.
        Undetermined: the agent reports nothing that would show a handler, or no backup proves that there was one.
    """
    require_report(instance, power)
    if protection is None or not protection.is_live:
        raise NotApplicable("VMSnapshot is not installed, and no vault backs this VM up")
    if protection.item.never_ran:
        raise NotApplicable("VMSnapshot is not installed yet: the first backup does that")
    if not protection.has_backup:
        raise Undetermined("VMSnapshot is not reported, and whether a backup has ever installed it is not known")
    if why := doubt():
        raise Undetermined(
            f"VMSnapshot is not reported by the agent, and the last backup does not prove that it was there: {why}"
        )
    vault = vault_name(protection.item.id)
    return f"VMSnapshot is not reported by the agent, though vault {vault} has backed this VM up: it was removed or does not load"


def extension_failure(
    instance: InstanceView,
    profile: Profile,
    power: Power,
    missing: Callable[[], str],
    read_at: datetime | None = None,
) -> str | None:
    """The backup extension's handler is there, every handler is ready, and no extension is failed or stuck.

    Args:
        instance: the instance view and the stored body that came with it.
        profile: the model.
        power: whether the virtual machine runs.
        missing: `missing_handler_failure` for this machine, asked where the view shows no such handler.
        read_at: when all this was read; None where nobody recorded that.

    Raises:
        NotApplicable: there are no extensions, or nothing is reported while the virtual machine does not run.
        Undetermined: a state is not known, or a running virtual machine does not report all of them.
        Unreadable: the stored extensions are no list.
    """
    handlers = instance.agent.handlers if instance.agent is not None else ()
    states = [(f"handler {h.type}", h.status) for h in handlers]
    states += [(f"extension {e.name}", s) for e in instance.extensions for s in _provisioning(e)]
    bad = [_told(what, status, read_at) for what, status in states if status is not None and _is_bad(status)]
    bad += stored_failures(profile, instance)
    if bad:
        more = f"; {len(bad) - 3} more" if len(bad) > 3 else ""
        return "; ".join(bad[:3]) + more
    _require_known(states)
    stored = readable_extensions(profile, instance)
    if power.state not in _OFF or not (states or stored):
        require_report(instance, power)
        if not any(_type(h) in BACKUP_TYPES for h in handlers) and (failure := _missing(instance, missing)):
            return failure
        _require_states(instance, profile, stored)
    if not states and not stored:
        raise NotApplicable("the VM has no extensions")
    return None


def extensions_judgement(
    instance: InstanceView,
    profile: Profile,
    power: Power,
    guest_reports: Sequence[ExtensionStatus],
    missing: Callable[[], str],
    read_at: datetime | None,
) -> RunJudgement:
    """As `extension_failure`, and what the backup extension's own reports say: its outer status is success whatever happened.

    Args:
        instance: as for `extension_failure`.
        profile: likewise.
        power: likewise.
        guest_reports: what the guest itself holds; of two runs the newer one counts.
        missing: likewise.
        read_at: when ARM was read, UTC.
    """
    judged, doubt = _judged_reports(instance, guest_reports, read_at)
    if judged is not None and judged.failure:
        return judged
    failure = extension_failure(instance, profile, power, missing, read_at)
    if failure is None and doubt is not None:
        raise doubt
    return RunJudgement(failure, judged.remark if judged is not None else "")


def _judged_reports(
    instance: InstanceView, guest_reports: Sequence[ExtensionStatus], read_at: datetime | None
) -> tuple[RunJudgement | None, Undetermined | None]:
    """What ARM's reports come to, or why they do not decide; neither where ARM holds none, which is no answer."""
    own = backup_reports(instance)
    damaged = next((e for e in instance.extensions if e.damaged_report), None)
    if damaged is not None:
        return None, Undetermined(f"extension {damaged.name}: {damaged.damaged_report}", "look at AVB-302")
    name = next((e.name for e in instance.extensions if e.reports), "")
    try:
        judged = judge_reports(own, guest_reports, "the guest", read_at) if own else None
    except Undetermined as error:
        return None, Undetermined(f"extension {name}: {error}", error.remedy)
    if judged is None or judged.failure is None:
        return judged, None
    return RunJudgement(f"extension {name}: {judged.failure}", judged.remark), None


def backup_reports(instance: InstanceView) -> tuple[ExtensionStatus, ...]:
    """What the backup extension told ARM of its runs."""
    return tuple(r for e in instance.extensions for r in e.reports)


def _missing(instance: InstanceView, missing: Callable[[], str]) -> str | None:
    """What is wrong with a view without the backup extension's handler; None where none is needed."""
    try:
        return missing()
    except NotApplicable:
        if instance.agent is not None and not instance.agent.lists_handlers:
            raise Undetermined(
                "the agent is ready, and its block holds no list of handlers (extensionHandlers)"
            ) from None
        return None


def require_report(instance: InstanceView, power: Power) -> None:
    """Raise where the absence of a handler proves nothing."""
    if power.state is None:
        raise Undetermined(
            "ARM gives no power state, so what the agent does not report may be missing or just not told"
        )
    if power.state in _OFF:
        raise NotApplicable(f"the VM is {power.state}, so its agent reports nothing now; AVB-411 judges that")
    if not power.is_running:
        raise Undetermined(f"the VM's power state is {power.state}, so whether its agent would report is not known")
    if instance.agent is None:
        raise Undetermined("the instance view of the running VM has no agent block, so no handler is shown")
    if not any(s.state in _FINE and not _is_bad(s) for s in instance.agent.statuses):
        raise Undetermined(
            "the agent is not ready, so the handlers it reports may not be all; AVB-211 judges that", see=("AVB-211",)
        )


def _require_states(instance: InstanceView, profile: Profile, stored: Sequence[StoredExtension]) -> None:
    """Raise for an extension, of the model or of the view, without a reported state."""
    told = {e.name.lower() for e in instance.extensions if _provisioning(e)} | {
        e.name.lower() for e in stored if e.state
    }
    names = chain(profile.extension_names, (e.name for e in instance.extensions))
    silent = next((n for n in names if n.lower() not in told), None)
    if silent is not None:
        raise Undetermined(f"extension {silent} of the VM has no reported state")


def _require_known(states: Iterable[tuple[str, Status | None]]) -> None:
    for what, status in states:
        if status is None or _state(status) not in _FINE:
            code = status.code if status is not None else ""
            raise Undetermined(f"{what} reports {code or 'no state'}, which is not known here")


def _provisioning(extension: ExtensionView) -> list[Status]:
    """An extension may report its components' output beside its own state."""
    return [s for s in extension.statuses if s.code.lower().startswith("provisioningstate/")]


def _is_bad(status: Status) -> bool:
    """Whether code, display or level tells of a failure or a transition: one that contradicts the others is believed."""
    return _state(status) in _BAD or status.level.lower() == "error"


def _state(status: Status) -> str:
    """The state of a code with two segments or three (`ProvisioningState/failed/1`); a worse one of the display wins.

    The display says `Not Ready`, `Provisioning failed`, or is all there is.
    """
    shown = "".join(status.display.lower().split())
    worse = shown.removeprefix("provisioning")
    return worse if status.state in _FINE and worse in _BAD else status.state or shown


def _told(what: str, status: Status, read_at: datetime | None) -> str:
    at = f" since {told_time(status.time)}{aged(status.time, read_at)}" if status.time else ""
    message = f": {status.message}" if status.message else ""
    told = status.code
    if status.state in _FINE:
        shown = status.display and f"displayed as {status.display}", status.level and f"level {status.level}"
        told = ", ".join(filter(None, [told, *shown]))
    return f"{what} is {_state(status)} ({told}){at}{message}"

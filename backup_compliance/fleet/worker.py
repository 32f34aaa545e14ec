"""What runs on a worker: one guest read, or a subscription, with whatever keys and credentials that machine has.

Nothing here raises: the engine would try again elsewhere. Values are plain, so that any version of this suite can at least
say which one it is.
"""

from __future__ import annotations

import atexit
import threading
from contextlib import ExitStack
from typing import Any, Final

from backup_compliance import __version__
from backup_compliance.fleet.messages import TaskMessage
from backup_compliance.guest.transport.connection import bounded_connections
from backup_compliance.guest.transport.hosts import Target
from backup_compliance.guest.transport.read import read_alone
from backup_compliance.model.recorded import RecordedSubscription

_bounds: Final = ExitStack()
_bound: Final = threading.Event()
_lock: Final = threading.Lock()
Said = dict[str, Any]


def read_guest_here(version: str, order: TaskMessage) -> Said:
    """The fields of a `GuestAnswer`, or of an `Answer` from another version than the runner's."""
    said: Said = {"version": __version__}
    if version != __version__:
        return said
    said |= {"name": str(order.get("name")), "output": b""}
    try:
        _bound_connections()
        target = Target(order["name"], order["spec"], order["connection"], order["segment"])
        guest = read_alone(target, order["options"], order["command"], order["timeout"])
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this host's problem and the runner's to tell
        return said | {"missing": f"its worker failed: {type(error).__name__}: {error}"}
    said["output"] = guest.output
    return said | ({"missing": guest.problem.reason, "remedy": guest.problem.remedy} if guest.problem else {})


def _bound_connections() -> None:
    """From the first guest on, for as long as the worker lives: its threads share testinfra."""
    with _lock:
        if not _bound.is_set():
            _bounds.enter_context(bounded_connections(over_winrm=True))
            atexit.register(_bounds.close)
            _bound.set()


def read_platform_here(version: str, order: TaskMessage) -> Said:
    """The fields of a `PlatformAnswer`, or of an `Answer` from another version."""
    said: Said = {"version": __version__}
    if version != __version__:
        return said
    try:
        from backup_compliance.platform.arm.read import read_subscriptions

        found = read_subscriptions(*_arguments(order))
    except Exception as error:  # noqa: BLE001  # no credential, no such subscription, or anything else
        return said | {"error": str(error) or type(error).__name__}
    return said | {"subscriptions": [_plain(each) for each in found]}


def _plain(found: RecordedSubscription) -> Said:
    problems = [{"type": p.type, "missing": p.reason, "remedy": p.remedy, "scope": p.scope} for p in found.problems]
    return {"id": found.id, "documents": dict(found.documents), "problems": problems}


def check_rights_here(version: str, order: TaskMessage) -> Said:
    """The fields of a `RightsAnswer`, or of an `Answer` from another version."""
    said: Said = {"version": __version__}
    if version != __version__:
        return said
    try:
        from backup_compliance.platform.arm.rights import check_rights

        rights = check_rights(*_arguments(order))
    except Exception as error:  # noqa: BLE001  # as above
        return said | {"error": str(error) or type(error).__name__}
    return said | {"rights": [(r.subscription, str(r), r.problem is None) for r in rights]}


def _arguments(order: TaskMessage) -> tuple[Any, ...]:
    """The scope, where ARM is and the pace; the azure packages take a second to import, and most workers read guests only."""
    from backup_compliance.platform.arm.clouds import endpoint_of
    from backup_compliance.platform.arm.pace import ArmLimits
    from backup_compliance.platform.arm.read import Scope

    scope = Scope(order["subscriptions"], order["management_groups"], order["verify_live"])
    return scope, endpoint_of(order["cloud"], order["arm_endpoint"], order["metrics_endpoint"]), ArmLimits()

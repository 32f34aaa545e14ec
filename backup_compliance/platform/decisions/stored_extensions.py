"""What the stored body of a virtual machine says of its extensions, beside the instance view; pure.

`resources[].properties.provisioningState` is ARM's own word on an extension; the view may be silent about one that never
arrived in the guest, or still show what was there before. Source: REST reference, Virtual Machines - Get.
"""

from __future__ import annotations

from typing import Final

from backup_compliance.model.verdicts import RECOLLECT, Undetermined, Unreadable
from backup_compliance.platform.estate.facts import InstanceView, Profile, StoredExtension

_BAD: Final = {"failed", "canceled", "creating", "updating", "deleting", "migrating"}
_PROVISIONING: Final = "provisioningstate/"


def stored_failures(profile: Profile, instance: InstanceView) -> list[str]:
    """The stored extensions that failed or are between two states, and what the view says of them."""
    return [
        f"extension {e.name} is {e.state.lower()} (its stored provisioningState is {e.state}, {_seen(e, instance)})"
        for e in _every(profile, instance)
        if e.state is not None and e.state.lower() in _BAD
    ]


def readable_extensions(profile: Profile, instance: InstanceView) -> tuple[StoredExtension, ...]:
    """Every stored extension, of model and view.

    Raises:
        Unreadable: one of the two holds no list of extensions.
        Undetermined: a state is no text, or one that is not known.
    """
    if profile.stored_extensions is None or instance.stored_extensions is None:
        raise Unreadable("resources of the virtual machine are no list of objects", RECOLLECT)
    found = _every(profile, instance)
    for each in found:
        if each.state is None or each.state.lower() not in ("", "succeeded"):
            raise Undetermined(
                f"the stored state of extension {each.name} is {each.state or 'no text'}, which is not known here"
            )
    return found


def _every(profile: Profile, instance: InstanceView) -> tuple[StoredExtension, ...]:
    return tuple(dict.fromkeys((*(profile.stored_extensions or ()), *(instance.stored_extensions or ()))))


def _seen(stored: StoredExtension, instance: InstanceView) -> str:
    """The instance view's word on a stored extension."""
    shown = next((e for e in instance.extensions if e.name.lower() == stored.name.lower()), None)
    codes = [s.code for s in shown.statuses if s.code.lower().startswith(_PROVISIONING)] if shown is not None else []
    return f"the instance view says {codes[0]}" if codes else "the instance view says nothing of it"

"""Virtual machines and their instance views, from ARM's JSON to records; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from backup_compliance.guest.extension_status.reading import ExtensionStatus, parse_status_text
from backup_compliance.model.arm_json import NOTHING, as_record, last_segment, text_at
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable
from backup_compliance.platform.estate.facts import (
    AgentView,
    ExtensionView,
    HandlerView,
    InstanceView,
    Power,
    Profile,
    Status,
    StoredExtension,
    VmIdentity,
)
from backup_compliance.platform.estate.lookup import Estate, Resource, segment, subscription_of
from backup_compliance.platform.estate.references import reference_at

BACKUP_EXTENSIONS: Final = frozenset({"vmsnapshot", "vmsnapshotlinux"})
_SOURCE: Final = "the extension's substatus in ARM"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SYSTEMS: Final = {"linux": "Linux", "windows": "Windows"}


def parse_identity(record: Resource) -> VmIdentity:
    """Who a virtual machine is; from its id alone where the rest is missing."""
    resource_id = text_at(record, "id")
    vm_id = text_at(as_record(record.get("properties")) or NOTHING, "vmId").lower()
    return VmIdentity(
        id=printable(resource_id, 400),
        name=last_segment(resource_id),
        resource_group=printable(segment(resource_id, "resourceGroups"), 90),
        subscription_id=printable(subscription_of(resource_id), 64),
        location=printable(re.sub(r"\s+", "", text_at(record, "location")).lower(), 60),
        vm_id=vm_id if _UUID.fullmatch(vm_id) else None,
    )


def parse_profile(record: Resource) -> Profile:
    """The model of a virtual machine; `Unreadable` when it has no properties, or an osProfile that is no object."""
    properties = as_record(record.get("properties"))
    name = last_segment(text_at(record, "id"))
    if not properties:
        raise Unreadable(f"virtual machine {name} has no properties", RECOLLECT)
    system = as_record(properties.get("osProfile", {}))
    if system is None:
        raise Unreadable(f"osProfile of virtual machine {name} is no object", RECOLLECT)
    configuration = (
        as_record(system.get("linuxConfiguration")) or as_record(system.get("windowsConfiguration")) or NOTHING
    )
    disk = as_record((as_record(properties.get("storageProfile")) or NOTHING).get("osDisk")) or NOTHING
    interfaces = _interfaces(properties)
    primary = [i for i, is_primary in interfaces or () if is_primary]
    return Profile(
        operating_system=_operating_system(text_at(disk, "osType"), system),
        provisioning_state=printable(text_at(properties, "provisioningState"), 60) or None,
        provision_vm_agent=_switch(configuration, "provisionVMAgent"),
        allow_extension_operations=_switch(system, "allowExtensionOperations"),
        interface_ids=tuple(i for i, _ in interfaces) if interfaces is not None else None,
        primary_interface_id=primary[0] if len(primary) == 1 else None,
        extension_names=_extension_names(record),
        availability_set=reference_at(properties, "availabilitySet"),
        scale_set=reference_at(properties, "virtualMachineScaleSet"),
        classic_domain=_classic_domain(properties),
        tags=_tags(record),
        stored_extensions=stored_extensions(record),
    )


def _operating_system(disk: str, system: Mapping[str, Any]) -> str | None:
    """What disk and configuration agree on; None where neither says, or they contradict each other."""
    said = {name for key, name in _SYSTEMS.items() if as_record(system.get(f"{key}Configuration")) is not None}
    if disk:
        said.add(_SYSTEMS.get(disk.lower(), ""))
    return min(said) or None if len(said) == 1 else None


def _switch(record: Mapping[str, Any], key: str) -> bool | None:
    """True, false or, where the model does not have it, None; `Unreadable` for what is there and neither."""
    value = record.get(key)
    if key in record and not isinstance(value, bool):
        raise Unreadable(f"{key} of the model is {printable(repr(value), 40)}, neither true nor false", RECOLLECT)
    return value if isinstance(value, bool) else None


def _classic_domain(properties: Mapping[str, Any]) -> str | None:
    if "domainName" not in properties:
        return None
    domain = as_record(properties["domainName"]) or NOTHING
    return printable(text_at(domain, "id") or text_at(domain, "name"), 400)


def _tags(record: Resource) -> dict[str, str] | None:
    """None where they are no object of texts."""
    tags = record.get("tags", {})
    if not isinstance(tags, dict) or not all(isinstance(v, str) for v in tags.values()):
        return None
    return {printable(str(k), 512): printable(v, 256) for k, v in tags.items()}


def _extension_names(record: Resource) -> tuple[str, ...]:
    """The subscription-wide list gives extensions by id only."""
    entries = record.get("resources")
    ids = [text_at(as_record(e) or NOTHING, "id") for e in entries] if isinstance(entries, list) else []
    return tuple(last_segment(i) for i in ids if "/extensions/" in i.lower())


def stored_extensions(record: Resource) -> tuple[StoredExtension, ...] | None:
    """The extensions among the `resources` of a virtual machine; None where that is no list of objects."""
    entries = record.get("resources")
    if entries is None:
        return ()
    records = [as_record(e) for e in entries] if isinstance(entries, list) else [None]
    if None in records:
        return None
    return tuple(_stored_extension(r) for r in records if r is not None and _is_extension(r))


def _is_extension(record: Mapping[str, Any]) -> bool:
    return "/extensions/" in text_at(record, "id").lower() or text_at(record, "type").lower().endswith("/extensions")


def _stored_extension(record: Mapping[str, Any]) -> StoredExtension:
    name = (text_at(record, "name") or text_at(record, "id")).rsplit("/", 1)[-1]
    properties = record.get("properties", {})
    state = None if not isinstance(properties, dict | None) else (properties or {}).get("provisioningState", "")
    return StoredExtension(printable(name, 80), printable(state, 40) if isinstance(state, str) else None)


def _interfaces(properties: Mapping[str, Any]) -> list[tuple[str, bool]] | None:
    """Ids of network interfaces and whether the model calls them primary; None where it names none readably."""
    entries = (as_record(properties.get("networkProfile")) or NOTHING).get("networkInterfaces")
    if not isinstance(entries, list):
        return None
    found = []
    for entry in entries:
        record = as_record(entry) or NOTHING
        reference = text_at(record, "id")
        if not reference:
            return None
        found.append((reference, (as_record(record.get("properties")) or NOTHING).get("primary") is True))
    return found


def find_power(estate: Estate, vm: VmIdentity) -> Power:
    """The power state: of the instance view where one was read, else of the list of statuses.

    Raises `Unreadable` when neither was read.
    """
    try:
        return parse_power(_view(estate, vm), "instanceViews")
    except Unreadable:
        record = estate.find("virtualMachineStatuses", vm.id, f"virtual machine {vm.name}")
        view = as_record((as_record(record.get("properties")) or NOTHING).get("instanceView"))
        return parse_power(view or NOTHING, "virtualMachineStatuses")


def parse_power(view: Mapping[str, Any], source: str) -> Power:
    """Power and provisioning state among an instance view's statuses."""
    statuses = _statuses(view)
    by_kind = {s.code.split("/")[0].lower(): s for s in statuses}
    states = {s.state for s in statuses if s.code.lower().startswith("powerstate/")}
    power = by_kind.get("powerstate") if len(states) == 1 else None
    generalized = any(s.code.lower() == "osstate/generalized" for s in statuses)
    return Power(power.state if power else None, by_kind.get("provisioningstate"), generalized, source)


def find_instance_view(estate: Estate, vm: VmIdentity, power: Power) -> InstanceView:
    """The instance view of a virtual machine; `Unreadable` where it was not read.

    One that does not run is never asked: its agent reports nothing, so an empty view stands for it.
    """
    if power.is_known and not power.is_running and power.source != "instanceViews":
        return InstanceView(None, ())
    view = parse_instance_view(_view(estate, vm))
    return replace(view, stored_extensions=stored_extensions(_body(estate, vm)))


def _body(estate: Estate, vm: VmIdentity) -> Resource:
    return estate.find("instanceViews", vm.id, f"virtual machine {vm.name}")


def _view(estate: Estate, vm: VmIdentity) -> Mapping[str, Any]:
    record = _body(estate, vm)
    view = as_record((as_record(record.get("properties")) or NOTHING).get("instanceView"))
    if view is None:
        raise Unreadable(f"the recorded instance view of {vm.name} has no properties.instanceView", RECOLLECT)
    return view


def parse_instance_view(view: Mapping[str, Any]) -> InstanceView:
    """Agent, handlers and extensions of an instance view; entries that are no objects are `Unreadable`."""
    agent = as_record(view.get("vmAgent"))
    return InstanceView(
        agent=_agent(agent) if agent is not None else None,
        extensions=tuple(_extension(e) for e in _records(view, "extensions")),
    )


def _agent(agent: Mapping[str, Any]) -> AgentView:
    handlers = (
        HandlerView(
            type=printable(text_at(h, "type"), 120),
            version=printable(text_at(h, "typeHandlerVersion"), 40),
            status=_status(status) if (status := as_record(h.get("status"))) is not None else None,
        )
        for h in _records(agent, "extensionHandlers")
    )
    version = printable(text_at(agent, "vmAgentVersion"), 60)
    return AgentView(version, _statuses(agent), tuple(handlers), agent.get("extensionHandlers") is not None)


def _extension(extension: Mapping[str, Any]) -> ExtensionView:
    reports, damaged = _reports(extension)
    return ExtensionView(
        reports=reports,
        damaged_report=damaged,
        name=printable(text_at(extension, "name"), 80),
        type=printable(text_at(extension, "type"), 120),
        version=printable(text_at(extension, "typeHandlerVersion"), 40),
        statuses=_statuses(extension),
    )


def _reports(extension: Mapping[str, Any]) -> tuple[tuple[ExtensionStatus, ...], str]:
    """What the backup extension told of its runs, and why one of its reports could not be read.

    The agent sends a substatus's name and message on; ARM shows a name as `ComponentStatus/NAME/status` in `code`. No
    recording shows where it puts the backup extension's JSON, so it is looked for in both.
    """
    if text_at(extension, "type").lower().rsplit(".", 1)[-1] not in BACKUP_EXTENSIONS:
        return (), ""
    texts = (text_at(s, key) for s in _records(extension, "substatuses") for key in ("code", "message"))
    try:
        return tuple(
            parse_status_text(t[t.find("[{") : t.rfind("]") + 1 or None], _SOURCE) for t in texts if "[{" in t
        ), ""
    except Unreadable as error:
        return (), error.reason


def _statuses(record: Mapping[str, Any]) -> tuple[Status, ...]:
    return tuple(_status(s) for s in _records(record, "statuses"))


def _status(record: Mapping[str, Any]) -> Status:
    return Status(
        code=printable(text_at(record, "code"), 120),
        display=printable(text_at(record, "displayStatus"), 80),
        message=printable(text_at(record, "message")),
        time=parse_time(text_at(record, "time")),
        level=printable(text_at(record, "level"), 40),
    )


def _records(record: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects of a list that may be absent or null; anything else in its place is `Unreadable`."""
    values = record.get(key)
    if values is None:
        return []
    found = [as_record(v) for v in values] if isinstance(values, list) else [None]
    if None in found:
        raise Unreadable(f"{key} of an instance view is no list of objects", RECOLLECT)
    return [r for r in found if r is not None]


def parse_time(text: str) -> datetime | None:
    """An ISO time of ARM in UTC; it writes up to seven decimals and at times no zone, which means UTC."""
    try:
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None

"""What Azure's host address and instance metadata service say to a VM, as documents; pure.

Shapes: the agent's own protocol code (azurelinuxagent/common/protocol/{wire,goal_state}.py) and the
instance metadata service's documentation.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from selftests.lab.places import AGENT_VERSION, BLOB_HOST, EXTENSION, EXTENSION_VERSION, HOST_ADDRESS

_XML: Final = '<?xml version="1.0" encoding="utf-8"?>'
VERSIONS: Final = (
    f"{_XML}<Versions><Preferred><Version>2015-04-05</Version></Preferred><Supported>"
    + "".join(f"<Version>{v}</Version>" for v in ("2015-04-05", "2012-11-30", "2012-09-15", "2010-12-15"))
    + "</Supported></Versions>"
)


@dataclass(frozen=True)
class Orders:
    """What the platform asks of one VM."""

    incarnation: int = 1
    agent_version: str = AGENT_VERSION
    """The agent asked for; empty for a goal state that names none."""
    extension: bool = True
    """Whether the backup extension is asked for."""
    extension_version: str = EXTENSION_VERSION
    settings: dict[str, Any] = field(default_factory=dict)
    """Public settings of the backup extension; the stand-in handler does as they say."""
    issued: float = 0
    """When this was ordered, by this machine's clock (seconds since 1970); 0 is now."""
    late: int = 0
    """Minutes that the platform's command for a backup is old when it reaches the agent."""
    presnapshot: int = 200
    """The host's HTTP status to the question before a snapshot."""
    dosnapshot: int = 200
    """The host's HTTP status to the request for the snapshot itself."""
    disks: tuple[str, ...] = ("",)
    """What the host says of each disk's snapshot; empty where it was taken."""
    status_blob: str = f"https://{BLOB_HOST}/status/vm.status"


def vm_id(address: str) -> str:
    """The unique id of the VM at `address`."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"vm{address}"))


def _role(address: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"role{address}"))


def goal_state(address: str, orders: Orders) -> str:
    """The goal state: where each of its parts is found."""
    role = f"{_role(address)}._vm"
    base = f"http://{HOST_ADDRESS}:80/machine/{vm_id(address)}/{role}?comp="
    kinds = ("hostingEnvironmentConfig", "sharedConfig", "extensionsConfig", "fullConfig")
    parts = "".join(
        f"<{kind[0].upper()}{kind[1:]}>{base}config&amp;type={kind}&amp;incarnation={orders.incarnation}</{kind[0].upper()}{kind[1:]}>"
        for kind in kinds
    )
    return (
        f"{_XML}<GoalState><Version>2015-04-05</Version><Incarnation>{orders.incarnation}</Incarnation>"
        "<Machine><ExpectedState>Started</ExpectedState><StopRolesDeadlineHint>300000</StopRolesDeadlineHint>"
        "<LBProbePorts><Port>16001</Port></LBProbePorts><ExpectHealthReport>FALSE</ExpectHealthReport></Machine>"
        f"<Container><ContainerId>{vm_id(address)}</ContainerId><RoleInstanceList><RoleInstance>"
        f"<InstanceId>{role}</InstanceId><State>Started</State><Configuration>{parts}"
        f"<Certificates>{base}certificates&amp;incarnation={orders.incarnation}</Certificates>"
        f"<ConfigName>{role}.1.xml</ConfigName></Configuration></RoleInstance></RoleInstanceList></Container></GoalState>"
    )


def hosting_environment(address: str) -> str:
    """Of which the agent reads names only."""
    role, vm = _role(address), vm_id(address)
    return (
        f'{_XML}<HostingEnvironmentConfig version="1.0.0.0" goalStateIncarnation="1"><StoredCertificates/>'
        f'<Deployment name="{role}" guid="{{{role}}}" incarnation="0"><Service name="lab" guid="{{{vm}}}"/>'
        f'<ServiceInstance name="{role}.0" guid="{{{vm}}}"/></Deployment><Incarnation number="1" instance="_vm" guid="{{{vm}}}"/>'
        f'<Role guid="{{{vm}}}" name="_vm" hostingEnvironmentVersion="1" software="" softwareType="ApplicationPackage" '
        'entryPoint="" parameters="" settleTimeSeconds="10"/></HostingEnvironmentConfig>'
    )


def shared_config(address: str) -> str:
    """The deployment's instances: this one."""
    role, vm = _role(address), vm_id(address)
    return (
        f'{_XML}<SharedConfig version="1.0.0.0" goalStateIncarnation="1"><Deployment name="{role}" guid="{{{role}}}" '
        f'incarnation="0"><Service name="lab" guid="{{{vm}}}"/><ServiceInstance name="{role}.0" guid="{{{vm}}}"/></Deployment>'
        f'<Incarnation number="1" instance="_vm" guid="{{{vm}}}"/><Role guid="{{{vm}}}" name="_vm" settleTimeSeconds="0"/>'
        f'<Instances><Instance id="_vm" address="{address}"/></Instances></SharedConfig>'
    )


def extensions_config(orders: Orders) -> str:
    """The agent that is asked for, the extensions that are, and where the status goes."""
    agents = f"https://{BLOB_HOST}/ext/agents.xml"
    asked = f"<Version>{escape(orders.agent_version)}</Version>" if orders.agent_version else ""
    plugins = _plugins(orders) if orders.extension else "<Plugins/><PluginSettings/>"
    return (
        f'{_XML}<Extensions version="1.0.0.0" goalStateIncarnation="{orders.incarnation}"><GuestAgentExtension>'
        f"<GAFamilies><GAFamily><Name>Prod</Name>{asked}<Uris><Uri>{agents}</Uri></Uris></GAFamily></GAFamilies>"
        f"<Location>{agents}</Location></GuestAgentExtension>{plugins}"
        f'<StatusUploadBlob statusBlobType="BlockBlob">{escape(orders.status_blob)}</StatusUploadBlob>'
        f'<InVMGoalStateMetaData inSvdSeqNo="{orders.incarnation}" createdOnTicks="638000000000000000" '
        f'activityId="{uuid.UUID(int=orders.incarnation)}" correlationId="{uuid.UUID(int=orders.incarnation)}"/></Extensions>'
    )


def _plugins(orders: Orders) -> str:
    named = f"name={quoteattr(EXTENSION)} version={quoteattr(orders.extension_version)}"
    manifest = quoteattr(f"https://{BLOB_HOST}/ext/manifest.xml")
    command = {
        "commandToExecute": "snapshot",
        "taskId": str(uuid.uuid5(uuid.NAMESPACE_DNS, f"task{orders.incarnation}")),
        "commandStartTimeUTCTicks": str(_ticks(orders.issued - 60 * orders.late)),
        "vmType": "microsoft.compute/virtualmachines",
        "locale": "en-us",
        "storage": BLOB_HOST,
    }
    settings = {"runtimeSettings": [{"handlerSettings": {"publicSettings": {**command, **orders.settings}}}]}
    return (
        f'<Plugins><Plugin {named} location={manifest} failoverlocation={manifest} state="enabled" autoUpgrade="false" '
        'runAsStartupTask="false" isJson="true" useExactVersion="true"/></Plugins>'
        f'<PluginSettings><Plugin {named}><RuntimeSettings seqNo="{orders.incarnation}">'
        f"{escape(json.dumps(settings))}</RuntimeSettings></Plugin></PluginSettings>"
    )


def _ticks(seconds: float) -> int:
    """.NET's ticks: tenths of microseconds since the year 1."""
    return int(seconds * 10**7) + 621355968000000000


def snapshots(orders: Orders) -> dict[str, Any]:
    """What the host says of the disks it was asked to snapshot."""
    return {
        "snapshotInfo": [
            {
                "isSuccessful": "false" if error else "true",
                "snapshotUri": None if error else f"https://{BLOB_HOST}/disks/{number}?snapshot=2026-11-29T14:00:00Z",
                "errorMessage": error or None,
                "statusCode": "409" if error else "200",
            }
            for number, error in enumerate(orders.disks)
        ]
    }


def instance_metadata(address: str, name: str) -> dict[str, Any]:
    """The `compute` part of the instance metadata."""
    return {
        "azEnvironment": "AzurePublicCloud",
        "location": "westeurope",
        "name": name,
        "offer": "debian-12",
        "osType": "Linux",
        "publisher": "debian",
        "resourceGroupName": "rg-lab",
        "sku": "12",
        "subscriptionId": str(uuid.uuid5(uuid.NAMESPACE_DNS, "lab")),
        "vmId": vm_id(address),
        "vmSize": "Standard_B1s",
    }

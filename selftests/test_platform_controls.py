"""Every platform control: compliant, non-compliant, unreadable, blank, and not applicable where it can be."""

from __future__ import annotations

import pytest

from backup_compliance.controls import load_catalogue
from backup_compliance.platform.resource_types import RESOURCE_TYPES
from backup_compliance.report.findings import Finding
from selftests.arm import Subscription, instance_view, machine, power_state, statuses, subscription, vault_id, vm_id
from selftests.product import ROOT, Judged, judge_apart, record
from selftests.recordings import Recording

OK = subscription()
VIEW = "properties.instanceView"
AGENT = f"{VIEW}.vmAgent"
MODEL = "properties.osProfile"


def powered(state: str | None, provisioning: str = "succeeded") -> Subscription:
    """The sample in another power state; without an instance view, which is read of running VMs only."""
    return OK.put("virtualMachineStatuses", power_state("sample", state, provisioning)).put("instanceViews")


def agent(field: str, value: object) -> Subscription:
    """The sample with another field of what its agent reports."""
    return OK.set("instanceViews", "sample", f"{AGENT}.{field}", value)


def flags(provision: object, allow: object) -> Subscription:
    """The sample with other switches in its model."""
    changed = OK.set("virtualMachines", "sample", f"{MODEL}.linuxConfiguration.provisionVMAgent", provision)
    return changed.set("virtualMachines", "sample", f"{MODEL}.allowExtensionOperations", allow)


WINDOWS = OK.put("virtualMachines", machine("sample", 4, system="Windows"))
NOT_READY = {
    "code": "ProvisioningState/Unavailable",
    "displayStatus": "Not Ready",
    "message": "VM status blob is found but not yet populated.",
    "time": "2026-11-23T07:58:00Z",
}


def refused() -> Subscription:
    """A subscription of which ARM gave nothing at all."""
    found = OK
    for kind in RESOURCE_TYPES:
        found = found.refused(kind)
    return found


SPECIALIZED = OK.cut("virtualMachines", "sample", MODEL)

# (control, name of the case, recording, outcome, what the message has to name)
GUESTS: dict[str, Recording | bytes] = {}
BYSTANDERS: tuple[str, ...] = ()
"""Virtual machines of a case that are there for the group only."""

CASES: tuple[tuple[str, str, Subscription, str, str], ...] = (
    ("AVB-211", "ready", OK, "compliant", ""),
    ("AVB-211", "not-ready", agent("statuses.0", NOT_READY), "non_compliant", "reports Not Ready: VM status blob"),
    ("AVB-211", "old-report", agent("statuses.0.time", "2026-11-23T07:40:00Z"), "non_compliant", "20 minutes before"),
    ("AVB-211", "at-the-limit", agent("statuses.0.time", "2026-11-23T07:45:00.1234567Z"), "compliant", ""),
    ("AVB-211", "from-the-future", agent("statuses.0.time", "2026-11-23T09:00:00Z"), "undetermined", "later than"),
    ("AVB-211", "without-time", agent("statuses.0.time", None), "undetermined", "since when"),
    ("AVB-211", "unknown-status", agent("statuses.0.displayStatus", "Dreaming"), "undetermined", "Dreaming"),
    ("AVB-211", "no-status", agent("statuses", []), "undetermined", "no status"),
    ("AVB-211", "statuses-are-text", agent("statuses", "Ready"), "error", "no list of objects"),
    ("AVB-211", "no-agent-block", OK.set("instanceViews", "sample", AGENT, None), "undetermined", "no vmAgent"),
    (
        "AVB-211",
        "stale-on-stopped",
        OK.set("instanceViews", "sample", f"{VIEW}.statuses", statuses("stopped")),
        "not_applicable",
        "stale",
    ),
    ("AVB-211", "deallocated", powered("deallocated"), "not_applicable", "deallocated"),
    ("AVB-211", "no-power-state", powered(None), "undetermined", "no power state"),
    ("AVB-211", "no-instance-view", OK.put("instanceViews"), "error", "not in instanceViews.json"),
    (
        "AVB-211",
        "instance-view-refused",
        OK.put("instanceViews").refused("instanceViews", vm_id("SAMPLE")),
        "error",
        "403",
    ),
    (
        "AVB-211",
        "undated-facts",
        Subscription(OK.lists, read_at=None, raw=OK.raw),
        "undetermined",
        "read_at in facts.json",
    ),
    ("AVB-212", "current", OK, "compliant", ""),
    (
        "AVB-212",
        "old",
        agent("vmAgentVersion", "2.2.45"),
        "non_compliant",
        "2.2.45, the oldest supported Linux agent is 2.2.53.1",
    ),
    ("AVB-212", "very-old-name", agent("vmAgentVersion", "WALinuxAgent-2.0.16"), "non_compliant", "2.0.16"),
    ("AVB-212", "at-the-minimum", agent("vmAgentVersion", "2.2.53.1"), "compliant", ""),
    (
        "AVB-212",
        "windows-old",
        WINDOWS.put("instanceViews", instance_view("sample", version="2.7.41490.9")),
        "non_compliant",
        "2.7.41491.1010",
    ),
    (
        "AVB-212",
        "windows-current",
        WINDOWS.put("instanceViews", instance_view("sample", version="2.7.41491.1210")),
        "compliant",
        "",
    ),
    ("AVB-212", "unknown", agent("vmAgentVersion", "Unknown"), "undetermined", "Unknown"),
    (
        "AVB-212",
        "no-system",
        OK.set("virtualMachines", "sample", "properties.storageProfile", None).cut(
            "virtualMachines", "sample", f"{MODEL}.linuxConfiguration"
        ),
        "undetermined",
        "Linux or Windows",
    ),
    ("AVB-212", "deallocated", powered("deallocated"), "not_applicable", "deallocated"),
    ("AVB-212", "no-instance-views", OK.without("instanceViews"), "error", "instanceViews of subscription"),
    ("AVB-213", "allowed", OK, "compliant", ""),
    ("AVB-213", "no-agent", flags(False, True), "non_compliant", "provisionVMAgent is false"),
    (
        "AVB-213",
        "neither",
        flags(False, False),
        "non_compliant",
        "provisionVMAgent and allowExtensionOperations are false",
    ),
    ("AVB-213", "specialized-disk-with-agent", SPECIALIZED, "compliant", ""),
    (
        "AVB-213",
        "specialized-disk-without-report",
        SPECIALIZED.put("instanceViews"),
        "undetermined",
        "no agent reports itself",
    ),
    ("AVB-213", "switch-is-text", flags("false", True).put("instanceViews"), "undetermined", "no provisionVMAgent"),
    ("AVB-213", "no-properties", OK.cut("virtualMachines", "sample", "properties"), "error", "has no properties"),
    ("AVB-411", "running", OK, "compliant", ""),
    ("AVB-411", "deallocated", powered("deallocated"), "compliant", ""),
    ("AVB-411", "stopped-inside", powered("stopped"), "non_compliant", "shut down from inside"),
    ("AVB-411", "starting", powered("starting"), "non_compliant", "power state is starting"),
    ("AVB-411", "updating", powered("running", "updating"), "non_compliant", "provisioning state is updating"),
    (
        "AVB-411",
        "failed",
        powered("running", "failed/VMExtensionProvisioningError"),
        "non_compliant",
        "VMExtensionProvisioningError",
    ),
    ("AVB-411", "unknown-state", powered("dreaming"), "undetermined", "dreaming"),
    ("AVB-411", "no-state", powered(None), "undetermined", "power state none"),
    (
        "AVB-411",
        "no-provisioning-state",
        OK.set("instanceViews", "sample", f"{VIEW}.statuses", [{"code": "PowerState/running"}]),
        "undetermined",
        "provisioning state is missing",
    ),
    ("AVB-411", "not-listed", OK.put("instanceViews").put("virtualMachineStatuses"), "error", "virtualMachineStatuses"),
    ("AVB-411", "nothing-read", OK.without("instanceViews", "virtualMachineStatuses"), "error", "were not read"),
)
RECORDINGS = {f"{control}-{name}": recording for control, name, recording, _, _ in CASES}
CONTROLS = sorted({case[0] for case in CASES})
BLANKS = {
    "blank": Subscription(
        {"virtualMachines": [{"id": vm_id("sample")}], "backupPolicies": [{"id": f"{vault_id()}/backupPolicies/p"}]}
    ),
    "null": Subscription(
        {k: [{"id": r["id"], "properties": None} for r in v] for k, v in OK.lists.items()}, raw={"serviceTags": b"null"}
    ),
    "refused": refused(),
    "garbage": Subscription({}, raw=dict.fromkeys(RESOURCE_TYPES, b"\xff<html>")),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """One run of the product over all cases, each of them a subscription of its own."""
    base = tmp_path_factory.mktemp("platform")
    subscriptions = [recording.renamed(name) for name, recording in {**RECORDINGS, **BLANKS}.items()]
    record(base / "facts", GUESTS, *subscriptions)
    return judge_apart(base / "reports", f"--facts={base / 'facts'}")


def found(judged: Judged, control: str, subscription: str) -> Finding:
    """The one finding of a control in one subscription."""
    of_case = f"/subscriptions/{subscription.lower()}"
    (finding,) = (
        f
        for f in judged.document.findings
        if f.control == control
        and (f.resource.lower() == of_case or f.resource.lower().startswith(f"{of_case}/"))
        and f.resource.rsplit("/", 1)[-1] not in BYSTANDERS
    )
    return finding


@pytest.mark.parametrize(
    ("control", "name", "outcome", "named"), [(c, n, o, m) for c, n, _, o, m in CASES], ids=list(RECORDINGS)
)
def test_control_comes_to_the_right_outcome(judged: Judged, control: str, name: str, outcome: str, named: str) -> None:
    """Each recording ends as it must, and the message names the evidence."""
    finding = found(judged, control, f"{control}-{name}")
    assert finding.outcome == outcome, finding.message
    assert named in f"{finding.message} {finding.remediation}", finding.message


@pytest.mark.parametrize("control", CONTROLS)
@pytest.mark.parametrize("blank", BLANKS)
def test_blank_facts_are_never_a_verdict(judged: Judged, control: str, blank: str) -> None:
    """From nothing follows nothing: no pass, no failure and no exemption from applying."""
    finding = found(judged, control, blank)
    assert finding.outcome in ("error", "undetermined"), finding.message
    assert finding.message


def test_every_control_of_the_platform_has_all_kinds_of_cases() -> None:
    """A control without a failing or an unreadable recording would not be known to be able to fail."""
    assert [c.id for c in load_catalogue(ROOT).values() if c.side == "platform"] == CONTROLS
    for control in CONTROLS:
        outcomes = {o for c, _, _, o, _ in CASES if c == control}
        assert outcomes >= {"compliant", "error"}, control
        assert outcomes & {"non_compliant", "advisory"}, control


def test_failures_carry_evidence_and_remediation(judged: Judged) -> None:
    """A finding that fails says what was read, what to do and where that is documented."""
    failed = [f for f in judged.document.findings if f.outcome in ("non_compliant", "advisory")]
    assert failed
    assert all(f.evidence and f.remediation and f.source for f in failed if f.side == "platform")

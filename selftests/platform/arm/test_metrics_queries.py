"""Azure Monitor's metrics: asked for fifty machines at once, at another host, with another token."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime

import pytest

from backup_compliance.platform.arm.metrics_queries import BATCH
from backup_compliance.platform.decisions.load import WINDOWS, backup_windows
from backup_compliance.platform.estate.backup import parse_job
from backup_compliance.platform.estate.protection import Protection, find_protection
from selftests.builders.arm import (
    READ_AT,
    Subscription,
    instance_view,
    job,
    machine,
    nic,
    power_state,
    protected_item,
    subscription,
    vm_id,
)
from selftests.builders.arm_metrics import metrics
from selftests.builders.arm_reading import QUICK, comparable, live, read
from selftests.builders.arm_simulator import METRICS_TOKEN, TOKEN, ArmSimulator, body, error
from selftests.builders.platform_network import opened

GET_BATCH = "metrics:getBatch$"
NAMES = [f"vm-{number:03d}" for number in range(BATCH + 3)]


def fleet(region: str = "westeurope", start: str = "2026-11-22T22:00:12Z") -> Subscription:
    """More machines than one request may name, all backed up at one time."""
    found = subscription().put("virtualMachines", *({**machine(n, i), "location": region} for i, n in enumerate(NAMES)))
    found = found.put("virtualMachineStatuses", *map(power_state, NAMES))
    found = found.put("instanceViews", *map(instance_view, NAMES))
    found = found.put("networkInterfaces", *(nic(f"{n}-nic", f"10.20.1.{i}") for i, n in enumerate(NAMES)))
    found = found.put("backupProtectedItems", *map(protected_item, NAMES))
    found = found.put("backupJobs", *(job(n, i, start=start) for i, n in enumerate(NAMES)))
    return found.put("metrics", *(metrics(vm_id(n), region=region) for n in NAMES))


def test_fifty_machines_are_asked_about_at_once(simulator: ArmSimulator) -> None:
    """Of one region and one half hour of backups; every machine's values arrive."""
    simulator.start(fleet()).page_size = 1000
    found = read(simulator)
    assert (simulator.count(GET_BATCH), found.problems) == (2, ())
    assert comparable(found)["metrics"] == {"value": fleet().lists["metrics"]}


def test_regions_and_half_hours_are_asked_about_apart(simulator: ArmSimulator) -> None:
    """A request names machines of one region, and one span of time."""
    later = job("late", 2, start="2026-11-22T23:10:12Z")
    sample = subscription().add(
        "virtualMachines", machine("late", 5), {**machine("away", 6), "location": "northeurope"}
    )
    for name in ("late", "away"):
        sample = sample.add("virtualMachineStatuses", power_state(name)).add("instanceViews", instance_view(name))
        sample = sample.add("backupProtectedItems", protected_item(name))
    simulator.start(sample.add("backupJobs", later, job("away", 3)))
    read(simulator)
    asked = [(a.path.split("/")[1], a.query["starttime"]) for a in simulator.asked if "getBatch" in a.path]
    assert sorted(asked) == [
        ("northeurope", "2026-11-22T22:00:00.000Z"),
        ("westeurope", "2026-11-22T22:00:00.000Z"),
        ("westeurope", "2026-11-22T23:00:00.000Z"),
    ]


@pytest.mark.parametrize(
    "sample",
    [
        subscription().put("virtualMachineStatuses", power_state("sample", "deallocated")).put("instanceViews"),
        subscription().put("backupProtectedItems"),
        subscription().set("virtualMachines", "sample", "location", "../../elsewhere?"),
    ],
    ids=["stopped", "not-protected", "region-that-is-none"],
)
def test_machines_without_a_window_are_not_asked_about(simulator: ArmSimulator, sample: Subscription) -> None:
    """And a region never becomes another host or path."""
    simulator.start(sample)
    read(simulator)
    assert simulator.count(GET_BATCH) == 0


def test_refused_batch_is_a_problem_of_each_of_its_machines(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """Which names the right that is missing; other controls are judged."""
    simulator.fail(GET_BATCH, error(403, "AuthorizationFailed"))
    (problem,) = read(simulator).problems
    assert (problem.type, problem.scope.lower()) == ("metrics", vm_id("sample").lower())
    judged = live(pytester, simulator)
    outcomes = Counter(f.outcome.value for f in judged.document.findings)
    assert outcomes["error"] == 1
    (finding,) = (f for f in judged.document.findings if f.control == "AVB-413")
    assert "403 AuthorizationFailed" in finding.message
    assert "Microsoft.Insights/metrics/read" in finding.remediation


def test_metric_that_a_cloud_does_not_know_does_not_take_the_other_along(simulator: ArmSimulator) -> None:
    """Both are refused together; processor use alone can still fail."""
    simulator.fail(GET_BATCH, error(400, "BadRequest"), query="Available Memory Percentage")
    found = read(simulator)
    assert [a.query["metricnames"] for a in simulator.asked if "getBatch" in a.path] == [
        "Percentage CPU,Available Memory Percentage",
        "Percentage CPU",
    ]
    assert found.problems == ()


@pytest.mark.parametrize("reply", ["{}", '{"values": 5}', "null", "<html>", '{"values": [{"value": 3}', ""])
def test_odd_reply_is_a_problem(simulator: ArmSimulator, reply: str) -> None:
    """Of the machines that it should have been about."""
    simulator.fail(GET_BATCH, body(reply))
    (problem,) = read(simulator).problems
    assert (problem.type, problem.scope) == ("metrics", vm_id("sample"))


def test_entries_that_the_client_cannot_model_are_kept(simulator: ArmSimulator) -> None:
    """What they lack is for the control to say."""
    odd = {"resourceid": vm_id("sample")}
    simulator.fail(GET_BATCH, body(json.dumps({"values": [odd]})))
    assert comparable(read(simulator))["metrics"] == {"value": [odd]}


@pytest.mark.parametrize("stranger", [{"resourceid": vm_id("other")}, {"value": []}, {"resourceid": None}])
def test_entries_about_others_take_their_batch_only(simulator: ArmSimulator, stranger: dict[str, object]) -> None:
    """Nobody knows whose values were mixed up."""
    simulator.start(fleet()).page_size = 1000
    entries = [{**metrics(vm_id(name)), "value": []} for name in NAMES[:BATCH]]
    simulator.fail(GET_BATCH, body(json.dumps({"values": [*entries, stranger]})), times=1)
    found = read(simulator)
    assert {p.reason for p in found.problems} == {
        "the reply is about a machine that was not asked about, or about none"
    }
    assert len(found.problems) + len(comparable(found)["metrics"]["value"]) == len(NAMES)


def test_tokens_go_to_their_own_hosts_only(simulator: ArmSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token for ARM is not shown to Azure Monitor, and the other way round; without one, that is said."""
    read(simulator)
    assert simulator.shown == {("localhost", f"Bearer {TOKEN}"), ("127.0.0.1", f"Bearer {METRICS_TOKEN}")}
    simulator.start(subscription())
    monkeypatch.delenv("METRICS_ACCESS_TOKEN")
    found = read(simulator)
    assert {host for host, _ in simulator.shown} == {"localhost"}
    (problem,) = found.problems
    assert problem.type == "metrics"
    assert "ARM_ACCESS_TOKEN is for ARM only; set METRICS_ACCESS_TOKEN" in problem.reason
    assert TOKEN not in problem.reason + problem.remedy


def test_metrics_beside_another_arm_have_to_be_named(simulator: ArmSimulator) -> None:
    """A token is not carried to Microsoft's hosts for an ARM that is somebody else's."""
    simulator.metrics_url, url = "", simulator.metrics_url
    try:
        found = read(simulator, limits=QUICK)
    finally:
        simulator.metrics_url = url
    (problem,) = found.problems
    assert (problem.type, problem.scope) == ("metrics", "")
    assert "--metrics-endpoint" in problem.remedy


def _protection() -> Protection | None:
    estate, vm, _ = opened(subscription())
    return find_protection(estate, vm)


@pytest.mark.parametrize(
    ("starts", "windows"),
    [
        (["2026-11-22T22:00:12Z"], ["2026-11-22 22:00 to 00:00 UTC"]),
        (
            ["2026-11-22T22:40:00Z", "2026-11-22T22:00:00Z"],
            ["2026-11-22 22:40 to 00:40 UTC", "2026-11-22 22:00 to 22:40 UTC"],
        ),
        (["2026-11-22T22:10:00Z", "2026-11-22T22:00:00Z"], ["2026-11-22 22:10 to 00:10 UTC"]),
        (["2026-11-23T07:45:00Z", "2026-11-23T06:00:00Z"], ["2026-11-23 06:00 to 08:00 UTC"]),
        ([], ["2026-11-22 22:00 to 00:00 UTC"]),
        ([f"2026-11-{day}T22:00:00Z" for day in (22, 21, 20, 19)], ["2026-11-22", "2026-11-21", "2026-11-20"]),
    ],
    ids=["one", "retried", "retried-at-once", "under-way", "no-job", "many"],
)
def test_windows_of_the_last_backups(starts: list[str], windows: list[str]) -> None:
    """Newest first, apart, long enough to hold values, and not too many."""
    jobs = [parsed for n, start in enumerate(starts) if (parsed := parse_job(job("sample", n + 1, start=start)))]
    found = backup_windows(_protection(), jobs, READ_AT)
    assert len(found) <= WINDOWS
    assert [str(window)[: len(told)] for window, told in zip(found, windows, strict=True)] == windows


def test_nothing_protects_nothing_has_no_window() -> None:
    """Whatever jobs there are."""
    assert backup_windows(None, [], datetime.now(UTC)) == ()

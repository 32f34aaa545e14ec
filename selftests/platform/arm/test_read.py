"""A subscription read through ARM: equal to what is there, or an error on exactly what could not be read."""

from __future__ import annotations

import gzip
import itertools
import json
import subprocess
import sys
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.gathering.folder import Facts, load_facts, save_facts
from backup_compliance.judging.findings import Finding
from backup_compliance.model.recorded import RecordedSubscription
from backup_compliance.platform.arm.clouds import endpoint_of
from backup_compliance.platform.arm.queries import LISTS
from backup_compliance.platform.arm.read import OF_VAULTS, Scope, read_subscriptions
from backup_compliance.platform.estate.compute import parse_identity
from backup_compliance.platform.estate.lookup import open_estate
from backup_compliance.platform.estate.resource_types import ON_REQUEST, RESOURCE_TYPES
from backup_compliance.platform.estate.restore_points import Collection, find_collections
from backup_compliance.plugin.options import WHAT_TO_TYPE
from selftests.builders.arm import (
    READ_AT,
    SUBSCRIPTION,
    Subscription,
    collection,
    instance_view,
    machine,
    network_id,
    power_state,
    subscription,
    vault_id,
    vm_id,
)
from selftests.builders.arm_reading import QUICK, comparable, live, read, read_all
from selftests.builders.arm_simulator import TOKEN, Answer, ArmSimulator, again, body, error, hang, linked, reply
from selftests.builders.live_cases import BEHIND_A_GATEWAY
from selftests.builders.product import ROOT, Judged, judge, record
from selftests.builders.sample_estate import sample_subscription

OTHER = "0f0f0f0f-5a11-4a11-8a11-5a11ab1e0000"
SAMPLES = sample_subscription()
RUNNING = len(SAMPLES.lists["instanceViews"])


def told(judged: Judged) -> list[tuple[object, ...]]:
    """Everything that a run said of every subject."""
    found = judged.document.findings
    return sorted((f.control, f.resource, f.outcome, f.message, f.severity, f.remediation) for f in found)


def errors(judged: Judged) -> dict[str, Finding]:
    """What could not be read, by control."""
    return {f.control: f for f in judged.document.findings if f.outcome.value == "error"}


@pytest.mark.parametrize("page_size", [2, 1000])
@pytest.mark.parametrize("served", [subscription(), sample_subscription()], ids=["one", "samples"])
def test_estate_is_read_as_it_is(simulator: ArmSimulator, served: Subscription, page_size: int) -> None:
    """Every document equals what ARM has, in its order, however many pages it took."""
    simulator.start(served).page_size = page_size
    found = read(simulator)
    assert comparable(found) == comparable(served.recorded())
    assert (found.id, found.problems, found.read_at) == (served.id, (), READ_AT)


def test_each_thing_is_asked_for_once(simulator: ArmSimulator) -> None:
    """One list a type, one instance view a running machine and none for others, nothing that could write."""
    simulator.start(sample_subscription()).page_size = 1000
    read(simulator)
    networks, vaults, tags, graph, batches, collections = 1, 1, 1, 1, 1, 2
    once = len(LISTS) + len(OF_VAULTS) * vaults + networks + tags + graph + batches + collections
    assert len(simulator.asked) == once + RUNNING
    for kind in LISTS:
        name = "virtualMachines" if kind == "virtualMachineStatuses" else kind
        query = '"statusOnly"' if kind == "virtualMachineStatuses" else ""
        assert simulator.count(f"{SUBSCRIPTION}/providers/[^/]+/{name}$", query) == (
            2 if kind == "virtualMachines" else 1
        )
    assert simulator.count("/virtualMachines/sample-web-01$") == 1
    assert simulator.count("/virtualMachines/sample-(gone|arm)-01$") == 0
    posts = {a.path.rsplit("/", 1)[-1] for a in simulator.asked if a.method != "GET"}
    assert posts == {"listNetworkManagerEffectiveSecurityAdminRules", "resources", "metrics:getBatch"}
    assert {a.method for a in simulator.asked} == {"GET", "POST"}


def test_role_in_the_readme_is_what_is_asked_for(simulator: ArmSimulator) -> None:
    """Not an action less, or something is refused; not one more, or it is no least privilege."""
    text = (ROOT / "README.md").read_text().split("<!-- role: compared with what is asked -->")[1]
    actions = json.loads(text.split("<!-- end of role -->")[0])["Actions"]
    simulator.start(BEHIND_A_GATEWAY)
    read(simulator)
    # without the right to read them, Resource Graph leaves restore points out
    seen = {"Microsoft.Compute/restorePointCollections/restorePoints/read"}
    assert actions == sorted({a.action for a in simulator.asked} | seen)
    assert set(actions) >= {right for kind, right in RESOURCE_TYPES.items() if kind not in ON_REQUEST}


def test_progress_is_told(simulator: ArmSimulator) -> None:
    """After each answer, up to all of them."""
    seen: list[tuple[int, int]] = []
    endpoint = endpoint_of("public", simulator.url)
    read_subscriptions(Scope([SUBSCRIPTION]), endpoint, QUICK, lambda done, of: seen.append((done, of)))
    assert [done for done, _ in seen] == list(range(1, len(simulator.asked) + 1))
    assert seen[-1] == (len(simulator.asked), len(simulator.asked))


def test_jobs_are_asked_for_two_weeks(simulator: ArmSimulator) -> None:
    """With the range and the twelve-hour clock that the service documents."""
    read(simulator)
    (asked,) = (a for a in simulator.asked if a.path.endswith("/backupJobs"))
    assert asked.query["$filter"] == (
        "startTime eq '2026-11-09 08:00:00 AM' and endTime eq '2026-11-23 08:00:00 AM' "
        "and backupManagementType eq 'AzureIaasVM'"
    )


def test_two_subscriptions_are_read_side_by_side(simulator: ArmSimulator) -> None:
    """Each with its own documents and its own problems."""
    simulator.start(subscription(), subscription("other", 5).renamed(OTHER))
    simulator.fail(f"{OTHER}/.*/routeTables$", error(403, "AuthorizationFailed"))
    one, two = read_all(simulator, Scope([SUBSCRIPTION, OTHER]))
    assert comparable(one) == comparable(subscription().recorded())
    assert comparable(two) == comparable(subscription("other", 5).renamed(OTHER).without("routeTables").recorded())
    assert [p.type for p in one.problems + two.problems] == ["routeTables"]


def test_subscriptions_take_turns(simulator: ArmSimulator) -> None:
    """Each has a rate limit of its own: what waits for the one's must not keep the other's questions."""
    simulator.start(subscription(), subscription("other", 5).renamed(OTHER))
    read_all(simulator, Scope([SUBSCRIPTION, OTHER]), replace(QUICK, connections=1))
    asked = [a.path.lower().split("/")[2] for a in simulator.asked if a.path.lower().startswith("/subscriptions/")]
    assert asked[:10] == [SUBSCRIPTION, OTHER] * 5


def test_what_is_saved_loads_as_it_was_read(simulator: ArmSimulator, tmp_path: Path) -> None:
    """Problems included."""
    simulator.fail("/routeTables$", error(403, "AuthorizationFailed"))
    simulator.fail("/virtualMachines/sample$", error(404, "ResourceNotFound"))
    found = read(simulator)
    save_facts(Facts(subscriptions=(found,)), tmp_path / "kept")
    assert load_facts(tmp_path / "kept").subscriptions == (found,)


def test_live_run_says_what_its_kept_facts_say(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """And so would anybody who judges the folder later; no file holds the token."""
    now = live(pytester, simulator, f"--save-facts={pytester.path / 'kept'}")
    assert "read 1 subscription in" in now.text
    findings = told(now)
    assert len(findings) > 12
    assert told(judge(pytester, f"--facts={pytester.path / 'kept'}")) == findings
    for path in (p for p in pytester.path.rglob("*") if p.is_file()):
        assert TOKEN.encode() not in path.read_bytes(), path


def test_refused_list_makes_exactly_its_controls_errors(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """The same ones as where the recorded list was refused; each names what ARM said and the action to grant."""
    simulator.fail("/networkSecurityGroups$", error(403, "AuthorizationFailed"))
    found = errors(live(pytester, simulator))
    refused = subscription().refused("networkSecurityGroups")
    expected = errors(judge(pytester, f"--facts={record(pytester.path / 'facts', {}, refused)}"))
    assert set(found) == set(expected) != set()
    for finding in found.values():
        assert "403 AuthorizationFailed" in finding.message
        assert "Microsoft.Network/networkSecurityGroups/read" in finding.remediation


FAULTS: dict[str, tuple[Answer, str]] = {
    "forbidden": (error(403, "AuthorizationFailed"), "403 AuthorizationFailed"),
    "unauthorized": (error(401, "ExpiredAuthenticationToken"), "401 ExpiredAuthenticationToken"),
    "gone": (error(404, "ResourceNotFound"), "404 ResourceNotFound"),
    "unregistered": (error(409, "MissingSubscriptionRegistration"), "409 MissingSubscriptionRegistration"),
    "other API": (error(400, "NoRegisteredProviderFound"), "400 NoRegisteredProviderFound"),
    "throttled": (error(429, "TooManyRequests"), "429 TooManyRequests"),
    "broken": (error(500, "InternalServerError"), "500 InternalServerError"),
    "gateway": (body("<html>Bad Gateway", 502, "text/html"), "502"),
    "accepted": (body("", 202), "202"),
    "empty": (body(""), "the reply is empty"),
    "null": (body("null"), "not what ARM documents"),
    "web page": (body("<!doctype html>", kind="text/html"), "a web page"),
    "truncated": (body('{"value": [{"id": "/subscr'), "cut off"),
    "no list": (body('{"error": {"code": "Odd"}}'), "no `value`"),
    "no entries": (body('{"value": 5}'), "not what ARM documents"),
    "circle": (again, "in a circle"),
    "elsewhere": (linked("https://elsewhere.example/subscriptions"), "another host (elsewhere.example)"),
    "in the clear": (linked("http://localhost/subscriptions"), "another host"),
    "odd link": (linked("https://[::1/{x}"), "could not be handled"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_fault_takes_exactly_the_list_it_hits(simulator: ArmSimulator, fault: str) -> None:
    """From its first page on; everything else is read, and nothing but reading requests leaves."""
    answer, missing = FAULTS[fault]
    simulator.fail("/publicIPAddresses$", answer)
    found = read(simulator)
    assert comparable(found) == comparable(subscription().without("publicIPAddresses").recorded())
    (problem,) = found.problems
    assert (problem.type, problem.scope) == ("publicIPAddresses", "")
    assert missing in problem.reason
    assert problem.remedy
    assert simulator.count("/publicIPAddresses$") <= 2
    assert simulator.count("/register") == 0


@pytest.mark.parametrize("fault", ["forbidden", "truncated", "no list", "elsewhere", "broken", "empty"])
def test_fault_on_a_later_page_takes_the_whole_list(simulator: ArmSimulator, fault: str) -> None:
    """Two pages of three are no list."""
    simulator.start(sample_subscription())
    simulator.fail("/networkInterfaces$", FAULTS[fault][0], query='"$skiptoken": "6"')
    found = read(simulator)
    assert "networkInterfaces" not in found.documents
    assert [(p.type, p.scope) for p in found.problems] == [("networkInterfaces", "")]


def test_hanging_reply_is_given_up(simulator: ArmSimulator) -> None:
    """After the read time-out, and nothing else waits for it."""
    released = threading.Event()
    simulator.fail("/natGateways$", hang(released))
    found = read(simulator, limits=replace(QUICK, read_timeout=2.0, retries=0))
    released.set()
    (problem,) = found.problems
    assert (problem.type, problem.reason) == ("natGateways", "ARM did not answer within 2 seconds")


def test_reply_that_never_ends_is_given_up(simulator: ArmSimulator) -> None:
    """A byte now and then satisfies every read time-out."""
    released = threading.Event()
    simulator.fail("/natGateways$", hang(released))
    found = read(simulator, limits=replace(QUICK, patience=2.0))
    released.set()
    (problem,) = found.problems
    told = "its answer was not complete when nothing had come for 2 seconds"
    assert (problem.type, problem.reason) == ("natGateways", told)


def test_endless_list_is_given_up(simulator: ArmSimulator) -> None:
    """Memory is no measure of what a reply may hold."""
    found = read(simulator.start(sample_subscription()), limits=replace(QUICK, list_bytes=2000))
    assert "virtualMachines" in {p.type for p in found.problems if "longer than 2000 bytes" in p.reason}


def test_reply_that_inflates_is_given_up_on_the_way(simulator: ArmSimulator) -> None:
    """A few kilobytes may stand for gigabytes: they are counted before they are kept, and asked for once."""
    packed = gzip.compress(b" " * 64 * 2**20)
    answer = body(packed, content_encoding="gzip")
    simulator.start(sample_subscription()).fail("/natGateways$", answer)
    tracemalloc.start()
    found = read(simulator, limits=replace(QUICK, list_bytes=2**20))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [p.reason for p in found.problems if p.type == "natGateways"] == ["the list is longer than 1048576 bytes"]
    assert simulator.count("/natGateways$") == 1
    assert most < 40 * 2**20


@pytest.mark.parametrize(
    ("path", "kind", "scope"),
    [
        ("/virtualMachines/sample$", "instanceViews", vm_id("sample")),
        ("/backupJobs$", "backupJobs", vault_id()),
        ("/backupPolicies$", "backupPolicies", vault_id()),
        ("/listNetworkManager", "securityAdminRules", network_id("virtualNetworks", "sample-net")),
        ("/serviceTags$", "serviceTags", ""),
    ],
)
@pytest.mark.parametrize("fault", ["forbidden", "gone", "truncated", "web page", "empty", "null", "throttled"])
def test_fault_on_one_resource_is_of_its_scope(
    simulator: ArmSimulator, path: str, kind: str, scope: str, fault: str
) -> None:
    """Another vault, machine or network is not touched by it."""
    simulator.fail(path, FAULTS[fault][0])
    found = read(simulator)
    (problem,) = found.problems
    assert (problem.type, problem.scope) == (kind, scope)
    assert FAULTS[fault][1] in problem.reason
    if scope:
        assert comparable(found)[kind] == {"value": []}
    else:
        assert kind not in found.documents


def test_restore_points_that_were_refused_are_a_problem_of_their_collection(simulator: ArmSimulator) -> None:
    """The list names the collection; how many points it holds is not known."""
    simulator.start(subscription().without("restorePoints"))
    simulator.fail("/restorePointCollections/AzureBackup_sample", error(403, "AuthorizationFailed"))
    (problem,) = read(simulator).problems
    assert (problem.type, problem.reason) == ("restorePoints", "403 AuthorizationFailed")
    assert problem.scope == collection("sample")["id"]


def test_restore_points_that_are_gone_are_nobodys_problem(simulator: ArmSimulator) -> None:
    """Azure Backup cleaned them up while the estate was read."""
    simulator.start(subscription().without("restorePoints"))
    simulator.fail("/restorePointCollections/AzureBackup_sample", error(404, "ResourceNotFound"))
    found = read(simulator)
    assert (found.problems, collections_of(found)) == ((), ())


@pytest.mark.parametrize(
    "answer",
    [body("<html>Not Found", 404, "text/html"), body("", 404), error(404, "Odd")],
    ids=["html", "empty", "other-code"],
)
def test_restore_points_behind_an_odd_404_are_not_gone(simulator: ArmSimulator, answer: Answer) -> None:
    """A gateway on the way knows nothing of them; a lock on them still counts."""
    simulator.start(subscription().without("restorePoints"))
    simulator.fail("/restorePointCollections/AzureBackup_sample", answer)
    found = read(simulator)
    assert [p.type for p in found.problems] == ["restorePoints"]
    assert len(collections_of(found)) == 1


def collections_of(found: RecordedSubscription) -> tuple[Collection, ...]:
    """The restore point collections of the only machine, as they are judged."""
    estate = open_estate([found])
    return find_collections(estate, parse_identity(next(iter(estate.every("virtualMachines")))))


def test_unread_restore_points_are_their_own_machines_only(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """The list said whose collection it is."""
    sample = (
        subscription().add("virtualMachines", machine("twin", 5)).add("virtualMachineStatuses", power_state("twin"))
    )
    sample = sample.add("restorePointCollections", collection("twin")).add("instanceViews", instance_view("twin"))
    simulator.start(sample)
    simulator.fail("/restorePointCollections/AzureBackup_twin", error(400, "Odd"))
    found = {
        f.resource.rsplit("/", 1)[-1]: f.outcome.value
        for f in live(pytester, simulator).document.findings
        if f.control == "AVB-502"
    }
    assert found == {"sample": "compliant", "twin": "error"}


@pytest.mark.parametrize(
    "path",
    ["/restorePointCollections$", "/networkInterfaces$", "/backupJobs$", "/listNetworkManager", "metrics:getBatch$"],
)
def test_bytes_that_are_no_utf8_take_their_own_list_only(simulator: ArmSimulator, path: str) -> None:
    """One strange byte is no reason to lose the rest, or the run."""
    simulator.fail(path, body(b'{"value": [{"id": "\xff"}], "values": [{"resourceid": "\xff"}]}'))
    (problem,) = read(simulator).problems
    assert problem.reason == "the reply holds bytes that are no UTF-8"


def test_secrets_of_the_list_of_machines_are_left_out(simulator: ArmSimulator, tmp_path: Path) -> None:
    """Settings of extensions and user data, wherever ARM may give them."""
    told = {"id": f"{vm_id('sample')}/extensions/x", "properties": {"settings": {"commandToExecute": "hunter2"}}}
    sample = subscription().set("virtualMachines", "sample", "resources", [told])
    simulator.start(sample.set("virtualMachines", "sample", "properties.userData", "aHVudGVyMg=="))
    found = read(simulator)
    assert b"hunter2" not in found.documents["virtualMachines"]
    assert b"aHVudGVyMg" not in found.documents["virtualMachines"]
    assert comparable(found)["virtualMachines"]["value"][0]["resources"] == [{**told, "properties": {}}]


def test_nothing_is_asked_any_more_once_a_reading_is_over(simulator: ArmSimulator) -> None:
    """Pages without end would go on for ever behind everybody's back."""
    numbers = itertools.count()
    simulator.fail(
        "/natGateways$",
        lambda r: reply({"value": [], "nextLink": f"{r.base_url}?api-version=1&$skiptoken={next(numbers)}"}),
    )
    found = read(simulator, limits=replace(QUICK, patience=1.0))
    (problem,) = found.problems
    assert (problem.type, "was not complete" in problem.reason) == ("natGateways", True)
    time.sleep(0.3)
    asked = len(simulator.asked)
    time.sleep(0.5)
    assert len(simulator.asked) == asked


def test_other_machines_keep_their_instance_views(simulator: ArmSimulator) -> None:
    """One disappeared while the estate was read."""
    simulator.start(sample_subscription())
    simulator.fail("/virtualMachines/sample-web-01$", error(404, "ResourceNotFound"))
    found = read(simulator)
    assert [p.scope for p in found.problems] == [vm_id("sample-web-01")]
    assert len(comparable(found)["instanceViews"]["value"]) == RUNNING - 1


def test_unread_list_of_vaults_leaves_nothing_protected_unsaid(simulator: ArmSimulator) -> None:
    """No vaults and unknown vaults are different things."""
    simulator.fail("/vaults$", error(403, "AuthorizationFailed"))
    found = read(simulator)
    assert {p.type for p in found.problems} == {"vaults", *OF_VAULTS}
    assert all(RESOURCE_TYPES["vaults"] in p.remedy for p in found.problems)
    simulator.start(subscription().put("vaults"))
    assert comparable(read(simulator))["backupJobs"] == {"value": []}


def test_machine_of_unknown_state_is_not_asked(simulator: ArmSimulator) -> None:
    """Stopped, without a status, or made since: no instance view, and no error of the reader's."""
    served = (
        subscription()
        .add("virtualMachines", machine("asleep", 8), machine("new", 9), machine("odd", 10))
        .add("virtualMachineStatuses", power_state("asleep", "deallocated"), power_state("odd", None))
    )
    found = read(simulator.start(served))
    assert found.problems == ()
    assert [v["name"] for v in comparable(found)["instanceViews"]["value"]] == ["sample"]


def test_admin_rules_of_several_pages_are_one_entry(simulator: ArmSimulator) -> None:
    """The client has no paging for them."""
    rules = [{"id": f"/rule/{n}", "kind": "Custom"} for n in range(8)]
    entry = {"id": network_id("virtualNetworks", "sample-net"), "value": rules}
    served = subscription().put("securityAdminRules", entry)
    assert comparable(read(simulator.start(served))) == comparable(served.recorded())
    assert simulator.count("listNetworkManager") == 3
    simulator.fail("listNetworkManager", body('{"value": [], "skipToken": "x"}'))
    (problem,) = read(simulator).problems
    assert "circle" in problem.reason


def test_reply_about_another_machine_is_none(simulator: ArmSimulator) -> None:
    """A gateway that mixes up replies must not lend one machine another one's agent."""
    simulator.fail("/virtualMachines/sample$", body(json.dumps({"id": vm_id("other"), "properties": {}})))
    (problem,) = read(simulator).problems
    assert "another resource" in problem.reason


def test_secrets_are_not_kept(simulator: ArmSimulator) -> None:
    """Settings of extensions, SAS signatures and passwords in URLs stay where they are."""
    secret = "hunter2hunter2"
    extension = {
        "id": f"{vm_id('sample')}/extensions/Run",
        "properties": {"settings": {"commandToExecute": f"x -p {secret}"}, "type": "CustomScript"},
    }
    served = (
        subscription()
        .set("instanceViews", "sample", "resources", [extension])
        .set(
            "virtualMachines", "sample", "tags", {"blob": f"https://a.example/b?sv=1&sig={secret}", "say": 'a "b" \\ ü'}
        )
        .set("vaults", "sample-vault", "tags", {"proxy": f"http://user:{secret}@proxy.example"})
    )
    found = read(simulator.start(served))
    assert all(secret.encode() not in document for document in found.documents.values())
    (vm,) = comparable(found)["virtualMachines"]["value"]
    assert vm["tags"] == {"blob": "https://a.example/b?sv=1&sig=***", "say": 'a "b" \\ ü'}
    (view,) = comparable(found)["instanceViews"]["value"]
    assert view["resources"][0]["properties"] == {"type": "CustomScript"}


def test_token_that_arm_does_not_take_ends_the_run(simulator: ArmSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, not an error for each control."""
    monkeypatch.setenv("ARM_ACCESS_TOKEN", "expired")
    with pytest.raises(
        ConfigurationError, match=f"--subscription: {SUBSCRIPTION} cannot be read: 401 Invalid.*sign in"
    ):
        read(simulator)


def test_unknown_subscription_ends_the_run(simulator: ArmSimulator) -> None:
    """A slip of the pen, or another tenant."""
    with pytest.raises(ConfigurationError, match=r"404 SubscriptionNotFound.*check the id, the tenant and --cloud"):
        read(simulator, OTHER)


def test_arm_out_of_reach_is_an_error_of_every_list(simulator: ArmSimulator) -> None:
    """Guests of the same run are judged all the same; the reason is not lost behind the URL."""
    endpoint = endpoint_of("public", "https://localhost:1")
    (found,) = read_subscriptions(Scope([SUBSCRIPTION]), endpoint, QUICK)
    assert found.documents == {}
    assert {p.type for p in found.problems} == set(RESOURCE_TYPES) - {"effectiveRoutes", "restorePoints", *ON_REQUEST}
    assert all("refused" in p.reason and "HTTPS_PROXY" in p.remedy for p in found.problems if p.type in LISTS)


def test_collect_only_asks_nothing(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """The platform's controls are listed, the guests' are not."""
    judged = live(pytester, simulator, "--collect-only")
    assert simulator.asked == []
    assert "test_" in judged.text
    assert "tests_guest" not in judged.text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["--subscription=../x"], "is no subscription id"),
        (["--subscription="], "is no subscription id"),
        (["--subscription=x", "--arm-endpoint=http://arm.example"], "is no URL https://"),
        (["--arm-endpoint=https://arm.example", "--facts=samples/facts"], "add --subscription=ID"),
    ],
)
def test_wrong_usage_is_told(pytester: pytest.Pytester, given: list[str], message: str) -> None:
    """Before anything is asked."""
    judged = judge(pytester, *given)
    assert judged.status == pytest.ExitCode.USAGE_ERROR
    assert message in judged.text


def test_command_line_is_offered() -> None:
    """To whoever types `pytest` alone."""
    assert "--subscription=ID" in WHAT_TO_TYPE


def test_azure_packages_are_not_imported_without_need(tmp_path: Path) -> None:
    """Judging recorded facts, to the last report, takes none of the second that their import does."""
    options = ["-q", "-p", "no:cacheprovider", "--facts=samples/facts", f"--report-dir={tmp_path}"]
    code = f"import pytest, sys; print(pytest.main({options}), [m for m in sys.modules if m.split('.')[0] in ('azure', 'msal')])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "1 []"

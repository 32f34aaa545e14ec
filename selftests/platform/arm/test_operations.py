"""Long-running operations that only read: effective routes where a gateway may add some, and what `--verify-live` asks."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from werkzeug import Request, Response

from backup_compliance.platform.estate.resource_types import ON_REQUEST, RESOURCE_TYPES
from selftests.builders.arm import (
    Subscription,
    instance_view,
    machine,
    nic,
    power_state,
    subnet,
    subscription,
    virtual_network,
    vm_id,
)
from selftests.builders.arm_reading import QUICK, comparable, live, read
from selftests.builders.arm_simulator import ArmSimulator, body, error, reply
from selftests.builders.live_cases import APPS, BEHIND_A_GATEWAY, DENYING, DROPPING, NIC, effective_routes
from selftests.builders.product import ROOT

ROUTES = "/effectiveRouteTable$"


def twins(sample: Subscription, state: str = "running") -> Subscription:
    """A second machine in the same subnet."""
    found = sample.add("virtualMachines", machine("twin", 5)).add("networkInterfaces", nic("twin-nic", "10.20.0.5"))
    found = found.add("virtualMachineStatuses", power_state("twin", state))
    return found.add("instanceViews", instance_view("twin")) if state == "running" else found


def test_routes_of_a_gateway_are_read_once_a_subnet(simulator: ArmSimulator) -> None:
    """Its interfaces share them: one is asked, accepted first and ready later."""
    simulator.start(twins(BEHIND_A_GATEWAY))
    found = read(simulator)
    assert comparable(found)["effectiveRoutes"] == {"value": BEHIND_A_GATEWAY.lists["effectiveRoutes"]}
    counted = [simulator.count(path) for path in (ROUTES, "/operations/", "/operationResults/")]
    assert counted == [1, 2, 1]


def test_machine_that_runs_is_asked(simulator: ArmSimulator) -> None:
    """Azure knows no routes of one that does not."""
    stopped = BEHIND_A_GATEWAY.put("virtualMachineStatuses", power_state("sample", "deallocated")).put("instanceViews")
    simulator.start(twins(stopped))
    read(simulator)
    assert simulator.count("/twin-nic/effectiveRouteTable$") == simulator.count(ROUTES) == 1


@pytest.mark.parametrize(
    "sample",
    [
        subscription(),
        subscription().put("virtualNetworks", virtual_network(APPS, subnet("GatewaySubnet", "10.20.255.0/27"))),
        BEHIND_A_GATEWAY.put("virtualMachineStatuses", power_state("sample", "deallocated")).put("instanceViews"),
    ],
    ids=["no-gateway", "gateway-subnet-empty", "nothing-runs"],
)
def test_routes_are_not_read_without_need(simulator: ArmSimulator, sample: Subscription) -> None:
    """The route table tells them all, or Azure would tell none."""
    simulator.start(sample)
    assert "effectiveRoutes" not in comparable(read(simulator))
    assert simulator.count(ROUTES) == 0


def test_all_machines_of_the_subnet_are_judged_by_its_routes(
    simulator: ArmSimulator, pytester: pytest.Pytester
) -> None:
    """The one that was not asked as well."""
    simulator.start(twins(BEHIND_A_GATEWAY))
    judged = live(pytester, simulator)
    found = {f.resource.rsplit("/", 1)[-1]: f for f in judged.document.findings if f.control == "AVB-113"}
    assert {f.outcome.value for f in found.values()} == {"undetermined"}
    assert all("gateway route" in f.message and "20.0.0.0/8" in f.message for f in found.values())
    assert set(found) == {"sample", "twin"}


def test_missing_right_is_an_error_of_what_needs_the_routes(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """With the action to grant, for every machine of that subnet."""
    simulator.start(twins(BEHIND_A_GATEWAY))
    simulator.fail(ROUTES, error(403, "AuthorizationFailed"))
    judged = live(pytester, simulator)
    found = [f for f in judged.document.findings if f.control == "AVB-113"]
    assert [f.outcome.value for f in found] == ["error", "error"]
    assert all("effectiveRouteTable/action" in f.remediation and "403" in f.message for f in found)


EVIL = "https://127.0.0.1\\@{}/x"


def waiting(request: Request) -> Response:
    """One that asks for a day's patience."""
    return Response('{"status": "InProgress"}', 200, {"Retry-After": "90000"}, content_type="application/json")


def never(request: Request) -> Response:
    """An operation that is still under way."""
    return Response("", 202, {"Location": request.url, "Retry-After": "0"})


@pytest.mark.parametrize(
    ("path", "answer", "missing"),
    [
        (ROUTES, error(400, "NetworkInterfaceNotAttachedToRunningVM"), "400 NetworkInterfaceNotAttachedToRunningVM"),
        (ROUTES, error(404, "ResourceNotFound"), "404 ResourceNotFound"),
        ("/operationResults/", error(403, "AuthorizationFailed"), "403 AuthorizationFailed"),
        ("/operationResults/", error(500, "InternalServerError"), "500 InternalServerError"),
        ("/operationResults/", body(""), "the reply is empty"),
        ("/operationResults/", body("<html>", kind="text/html"), "a web page"),
        ("/operationResults/", body('{"value": [{'), "cut off"),
        ("/operationResults/", body('{"other": []}'), "no `value`"),
        ("/operationResults/", body("[]"), "not what ARM documents"),
        ("/operationResults/", body('{"value": [], "nextLink": "https://localhost/x"}'), "one page of several"),
        ("/operationResults/", never, "it ended without a result"),
        ("/operations/", body('{"status": "InProgress"}'), "did not finish it within 1 seconds"),
        ("/operations/", body('{"status": "Failed", "error": {"code": "Odd"}}'), "Azure ended it with"),
        ("/operations/", body('{"status": "Canceled"}'), "Azure ended it with"),
        (ROUTES, lambda r: Response("", 202, {"Azure-AsyncOperation": EVIL.format(r.host)}), "backslashes"),
        ("/operations/", waiting, "did not finish it within 1 seconds"),
        (ROUTES, lambda r: Response("", 202, {"Location": "https://elsewhere.example/x"}), "another host"),
        (ROUTES, lambda r: Response("", 202), "it ended without a result"),
    ],
    ids=[str(number) for number in range(18)],
)
def test_operation_that_fails_is_a_problem_of_its_interface(
    simulator: ArmSimulator, path: str, answer: object, missing: str
) -> None:
    """And of nothing else; one that never ends is given up."""
    simulator.start(BEHIND_A_GATEWAY)
    simulator.fail(path, answer)  # type: ignore[arg-type]  # an Answer
    # a busy machine takes longer than a second for those that do end
    found = read(simulator, limits=replace(QUICK, operation_timeout=1.0 if "1 seconds" in missing else 60.0))
    (problem,) = found.problems
    assert (problem.type, problem.scope) == ("effectiveRoutes", NIC)
    assert missing in problem.reason
    assert problem.remedy


@pytest.mark.parametrize("sample", [DENYING, DROPPING], ids=["denied", "dropped"])
def test_azure_is_asked_where_egress_is_not_plainly_allowed(simulator: ArmSimulator, sample: Subscription) -> None:
    """Four questions about one address, whose answers are kept with the question."""
    simulator.start(sample)
    found = comparable(read(simulator, live=True))
    for kind in ("networkWatchers", "ipFlows", "nextHops", "effectiveSecurityGroups", "effectiveRoutes"):
        assert found[kind] == {"value": sample.lists[kind]}, kind
    assert len(simulator.operations.results) == 4


@pytest.mark.parametrize(
    "sample",
    [
        subscription(),
        DENYING.put("virtualMachineStatuses", power_state("sample", "stopped")).put("instanceViews"),
        DENYING.without("serviceTags").damaged("serviceTags", b"null"),
    ],
    ids=["allowed", "stopped", "tags-unknown"],
)
def test_nothing_is_asked_where_there_is_nothing_to_compare(simulator: ArmSimulator, sample: Subscription) -> None:
    """An answer to no question would say nothing."""
    simulator.start(sample)
    read(simulator, live=True)
    assert simulator.operations.results == {}


def test_nothing_is_verified_unless_asked(simulator: ArmSimulator) -> None:
    """Four operations a machine are not to be had for nothing."""
    simulator.start(DENYING)
    assert not set(comparable(read(simulator))) & set(ON_REQUEST)
    assert simulator.operations.results == {}


def test_region_without_network_watcher_says_so(simulator: ArmSimulator) -> None:
    """The effective rules and routes answer all the same."""
    simulator.start(DENYING.put("networkWatchers"))
    found = read(simulator, live=True)
    assert {p.type for p in found.problems} == {"ipFlows", "nextHops"}
    assert all("no network watcher in the region of sample" in p.reason for p in found.problems)
    assert comparable(found)["effectiveSecurityGroups"] == {"value": DENYING.lists["effectiveSecurityGroups"]}


def test_effective_routes_are_compared_without_network_watcher_too(
    simulator: ArmSimulator, pytester: pytest.Pytester
) -> None:
    """A table that drops and an effective one that does not are two answers to one question."""
    flipped = DROPPING.put("effectiveRoutes", effective_routes(("Default", "0.0.0.0/0", "Internet")))
    simulator.start(flipped.put("networkWatchers"))
    finding = live(pytester, simulator, "--verify-live").finding("AVB-113", vm_id("sample"))
    assert finding.outcome.value == "error"
    assert "effective routes to 20.38.108.0: Azure says Internet, computed is None" in finding.message


def test_what_azure_does_not_answer_is_told_loudly(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """In the evidence, and in a note of every report; the verdict stands as it is without it."""
    simulator.start(DENYING)
    simulator.fail("/(ipFlowVerify|nextHop|effectiveNetworkSecurityGroups)$", error(403, "AuthorizationFailed"))
    judged = live(pytester, simulator, "--verify-live")
    finding = judged.finding("AVB-111", vm_id("sample"))
    assert finding.outcome.value == "non_compliant"
    assert (
        "not answered - ipFlows: 403 AuthorizationFailed (grant Microsoft.Network/networkWatchers/ipFlowVerify/action"
        in str(finding.evidence)
    )
    assert any("--verify-live: 3 questions to Azure" in note and "403" in note for note in judged.document.run.notes)
    assert "--verify-live: 3 questions to Azure" in judged.text


def test_network_watchers_that_may_not_be_listed(simulator: ArmSimulator) -> None:
    """Nothing is verified, and the action is named."""
    simulator.start(DENYING)
    simulator.fail("/networkWatchers$", error(403, "AuthorizationFailed"))
    found = read(simulator, live=True)
    assert {p.type for p in found.problems} == set(ON_REQUEST)
    assert any("Microsoft.Network/networkWatchers/read" in p.remedy for p in found.problems)


def test_answers_stand_side_by_side_in_the_evidence(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """In a live run and whenever its facts are judged again."""
    simulator.start(DENYING)
    judged = live(pytester, simulator, "--verify-live")
    finding = judged.finding("AVB-111", vm_id("sample"))
    assert finding.outcome.value == "non_compliant"
    told = json.dumps(finding.evidence["verified_live"])
    assert "IP flow verify" in told
    assert "Azure says deny by UserRule_DenyStorage, computed is" in told
    assert "effective security groups" in told


def test_disagreement_is_loud(simulator: ArmSimulator, pytester: pytest.Pytester) -> None:
    """An error gates whatever the severity, and no exemption covers it."""
    simulator.start(DENYING)
    simulator.fail("/ipFlowVerify$", lambda r: reply({"access": "Allow", "ruleName": "UserRule_Other"}))
    judged = live(pytester, simulator, "--verify-live", "--fail-on=critical")
    finding = judged.finding("AVB-111", vm_id("sample"))
    assert (finding.outcome.value, finding.gates) == ("error", True)
    assert "two answers to one question disagree" in finding.message
    assert "Azure says allow by UserRule_Other" in finding.message


def test_rights_for_verifying_are_in_the_readme(simulator: ArmSimulator) -> None:
    """Those that only `--verify-live` takes, no more and no less."""
    text = (ROOT / "README.md").read_text().split("<!-- live role: compared with what is asked -->")[1]
    actions = json.loads("[" + text.split("<!-- end of live role -->")[0].strip().rstrip(",") + "]")
    simulator.start(DENYING)
    read(simulator)
    without = {a.action for a in simulator.asked}
    read(simulator, live=True)
    more = {a.action for a in simulator.asked} - without
    assert set(actions) == {RESOURCE_TYPES[kind] for kind in ON_REQUEST}
    assert more - set(actions) == {
        RESOURCE_TYPES["effectiveRoutes"],
        "Microsoft.Network/locations/operations/read",
        "Microsoft.Network/locations/operationResults/read",
    }

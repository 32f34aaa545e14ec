"""Root causes: what explains what on one VM, what does not, and where guest and platform contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from backup_compliance.catalogue.controls import Severity, load_catalogue
from backup_compliance.judging.root_causes import disagreements, root_causes
from backup_compliance.model.verdicts import Outcome
from selftests.builders.product import ROOT

CATALOGUE = load_catalogue(ROOT)
BAD, WELL, ADVICE, UNKNOWN, ERROR = (
    Outcome.NON_COMPLIANT,
    Outcome.COMPLIANT,
    Outcome.ADVISORY,
    Outcome.UNDETERMINED,
    Outcome.ERROR,
)


@dataclass(frozen=True)
class Found:
    """A finding with what root causes need."""

    control: str
    outcome: Outcome = BAD
    message: str = "it does not hold"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    title: str = "something holds"
    severity: Severity = Severity.MEDIUM
    see: tuple[str, ...] = ()

    @property
    def gates(self) -> bool:
        """What did not pass gates, but advice."""
        return self.outcome in (BAD, UNKNOWN, ERROR)


def storage(*stages: str) -> dict[str, Any]:
    """Evidence of AVB-101: requests that ended at these stages."""
    return {"storage": {"checks": [{"stage": s} for s in stages]}}


def extension(code: int) -> dict[str, Any]:
    """Evidence of AVB-302: one handler's last exit code."""
    return {"extension": {"handlers": [{"last": {"code": code}}]}}


def told(*findings: Found) -> list[tuple[str, list[str]]]:
    """The causes in their order, with what each explains."""
    return [(cause.control, cause.explains) for cause in root_causes(findings, CATALOGUE)]


def test_failed_agent_explains_a_missing_extension() -> None:
    """Nothing installs an extension without an agent, and the platform hears nothing."""
    assert told(Found("AVB-301"), Found("AVB-211"), Found("AVB-201")) == [("AVB-201", ["AVB-211", "AVB-301"])]


def test_denied_security_group_explains_a_failed_connect() -> None:
    """Packets that are dropped end in a connection that is never made."""
    assert told(Found("AVB-101", evidence=storage("connection")), Found("AVB-111")) == [("AVB-111", ["AVB-101"])]


def test_denied_security_group_does_not_explain_an_exchanged_certificate() -> None:
    """TLS comes after the connection: both stand by themselves."""
    found = told(Found("AVB-101", evidence=storage("TLS")), Found("AVB-111"))
    assert sorted(found) == [("AVB-101", []), ("AVB-111", [])]


def test_advice_may_be_the_cause_of_what_gates() -> None:
    """Below the gate today, and still the reason."""
    assert told(Found("AVB-111", ADVICE), Found("AVB-101")) == [("AVB-111", ["AVB-101"])]


def test_advice_that_explains_nothing_is_no_cause() -> None:
    """A VM that is ready has none."""
    assert told(Found("AVB-203", ADVICE), Found("AVB-101", WELL)) == []


def test_causes_are_followed_to_their_end() -> None:
    """Static address, no lease, no host address, no report."""
    chain = told(Found("AVB-211"), Found("AVB-103"), Found("AVB-405"), Found("AVB-404"))
    assert chain == [("AVB-404", ["AVB-405", "AVB-103", "AVB-211"])]


def test_what_explains_most_comes_first() -> None:
    """One of several independent causes."""
    found = told(Found("AVB-203"), Found("AVB-402"), Found("AVB-201"), Found("AVB-204", UNKNOWN))
    assert found[0] == ("AVB-201", ["AVB-204"])
    assert {control for control, _ in found[1:]} == {"AVB-203", "AVB-402"}


def test_worst_of_equal_causes_comes_first() -> None:
    """Where none explains more than another."""
    found = told(Found("AVB-412"), Found("AVB-202", severity=Severity.HIGH))
    assert [control for control, _ in found] == ["AVB-202", "AVB-412"]


@pytest.mark.parametrize(("code", "explained"), [(76, True), (761, True), (121, False)])
def test_network_explains_the_extension_by_its_exit_code(code: int, explained: bool) -> None:  # noqa: FBT001  # a table
    """76 and 761 are the extension's own words for no network; a freeze that failed has another reason."""
    found = dict(told(Found("AVB-101", evidence=storage("connection")), Found("AVB-302", evidence=extension(code))))
    assert found["AVB-101"] == (["AVB-302"] if explained else [])


def test_backup_extension_does_not_explain_another_extension() -> None:
    """AVB-312 looks at all of them."""
    assert told(Found("AVB-312", message="extension MonitorAgent is failed"), Found("AVB-304"))[0] == ("AVB-304", [])
    named = Found("AVB-312", message="handler Microsoft.Azure.RecoveryServices.VMSnapshotLinux is failed")
    assert told(named, Found("AVB-304")) == [("AVB-304", ["AVB-312"])]
    assert disagreements([Found("AVB-302", WELL), Found("AVB-312", message="extension MonitorAgent is failed")]) == []
    assert "was not sent" in disagreements([Found("AVB-302", WELL), named])[0]


def test_vault_error_is_explained_by_the_controls_that_it_names() -> None:
    """What the last backup job said points at its own reasons."""
    job = Found("AVB-415", message="ended Failed: no network", see=("AVB-101", "AVB-111"))
    assert told(job, Found("AVB-201"), Found("AVB-111")) == [("AVB-111", ["AVB-415"]), ("AVB-201", [])]


def test_undecided_finding_is_explained_by_the_control_that_it_names() -> None:
    """A proxy that cannot be used is no proxy whose way could be judged."""
    assert told(Found("AVB-115", UNKNOWN, see=("AVB-102",)), Found("AVB-102")) == [("AVB-102", ["AVB-115"])]


@pytest.mark.parametrize("outcome", [UNKNOWN, BAD])
def test_words_of_a_message_explain_nothing(outcome: Outcome) -> None:
    """A message holds what guests and vaults say, and may hold any id."""
    found = told(Found("AVB-415", outcome, "Failed: see AVB-203"), Found("AVB-203"))
    assert sorted(found) == [("AVB-203", []), ("AVB-415", [])]


def test_undecided_finding_that_nothing_explains_stands_last() -> None:
    """It is no proof of anything, and it gates."""
    assert told(Found("AVB-113", UNKNOWN), Found("AVB-203")) == [("AVB-203", []), ("AVB-113", [])]


def test_undecided_finding_is_no_cause() -> None:
    """Only what was proven not to hold explains something."""
    assert sorted(told(Found("AVB-201", UNKNOWN), Found("AVB-301"))) == [("AVB-201", []), ("AVB-301", [])]


def test_unread_host_is_one_cause() -> None:
    """One refused connection, not thirty errors."""
    gone = [Found(f"AVB-20{n}", ERROR, "it refused the connection") for n in range(1, 5)]
    (cause,) = root_causes(gone, CATALOGUE)
    assert (cause.found, len(cause.explains)) == ("it refused the connection", 3)


def test_ready_vm_has_no_cause() -> None:
    """Nothing to explain."""
    assert told(Found("AVB-201", WELL), Found("AVB-301", Outcome.NOT_APPLICABLE)) == []


def test_evidence_of_a_strange_shape_decides_nothing() -> None:
    """Evidence is what a guest said: lists, texts and holes are no reason to stop."""
    shapes: list[dict[str, Any]] = [{"storage": []}, {"storage": {"checks": "x"}}, {"storage": {"checks": [None, 3]}}]
    for odd in shapes:
        assert told(Found("AVB-101", evidence=odd), Found("AVB-111")) == [("AVB-111", ["AVB-101"])]
    strange = {"extension": {"handlers": [{"last": {"code": "76"}}, None]}}
    assert sorted(told(Found("AVB-302", evidence=strange), Found("AVB-101"))) == [("AVB-101", []), ("AVB-302", [])]


@pytest.mark.parametrize(
    ("guest", "platform", "said"),
    [
        (Found("AVB-101", WELL), [Found("AVB-111")], "the guest reaches storage, although"),
        (Found("AVB-101"), [Found(c, WELL) for c in ("AVB-111", "AVB-113", "AVB-114")], "does not reach storage"),
        (Found("AVB-201", WELL), [Found("AVB-211")], "hears nothing"),
        (Found("AVB-201"), [Found("AVB-211", WELL)], "older than the guest's"),
        (Found("AVB-301", WELL), [Found("AVB-311", ADVICE)], "has not reported since"),
    ],
)
def test_contradiction_is_told(guest: Found, platform: list[Found], said: str) -> None:
    """Guest and platform cannot both be right, or something lies between them."""
    (line,) = disagreements([guest, *platform])
    assert said in line
    assert platform[0].control in line


@pytest.mark.parametrize(
    "findings",
    [
        [Found("AVB-101"), Found("AVB-111")],
        [Found("AVB-101"), Found("AVB-111", WELL)],
        [Found("AVB-101", UNKNOWN), Found("AVB-111")],
        [Found("AVB-101", WELL), Found("AVB-111", UNKNOWN)],
        [Found("AVB-201", WELL)],
    ],
)
def test_agreement_and_half_knowledge_are_no_contradiction(findings: list[Found]) -> None:
    """Both sides have to be proven, and every way out to be free."""
    assert disagreements(findings) == []

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


PACKETS = ("AVB-104", "AVB-111", "AVB-113", "AVB-114")
OF_BACKUP = ("AVB-101", "AVB-102", "AVB-301", "AVB-302", "AVB-304", "AVB-311")
VM_SNAPSHOT = "handler Microsoft.Azure.RecoveryServices.VMSnapshotLinux is failed"


def explains(cause: str, effect: Found) -> bool:
    """Whether the catalogue's rules let a failed `cause` explain `effect`."""
    return effect.control in dict(told(Found(cause), effect)).get(cause, [])


@pytest.mark.parametrize("cause", PACKETS)
@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (("connection",), True),
        (("TLS", "connection"), True),
        (("answered", "connection"), True),
        ((), True),
        (("answered",), True),
        (("TLS",), False),
        (("proxy",), False),
        (("name resolution",), False),
    ],
)
def test_dropped_packets_explain_a_connection_only(cause: str, stages: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001  # a table
    """What ended later, or elsewhere, got through; where no stage is told, a connection is the likely one."""
    assert explains(cause, Found("AVB-101", evidence=storage(*stages))) is expected


@pytest.mark.parametrize("cause", ["AVB-102", "AVB-115"])
@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (("connection",), True),
        (("proxy",), True),
        (("name resolution",), True),
        ((), True),
        (("TLS",), False),
        (("answer",), False),
    ],
)
def test_unusable_proxy_explains_what_comes_before_tls(cause: str, stages: tuple[str, ...], expected: bool) -> None:  # noqa: FBT001  # a table
    """A proxy resolves and connects for the guest."""
    assert explains(cause, Found("AVB-101", evidence=storage(*stages))) is expected


@pytest.mark.parametrize("cause", ["AVB-101", "AVB-102"])
@pytest.mark.parametrize(("code", "expected"), [(76, True), (761, True), (402, False), (0, False)])
def test_network_is_behind_two_exit_codes(cause: str, code: int, expected: bool) -> None:  # noqa: FBT001  # a table
    """The others have reasons of their own."""
    assert explains(cause, Found("AVB-302", evidence=extension(code))) is expected


@pytest.mark.parametrize("cause", ["AVB-201", "AVB-206", "AVB-204", "AVB-301", "AVB-304"])
def test_what_comes_before_the_extension_explains_it_whatever_its_code(cause: str) -> None:
    """Exit codes tell network from the rest, nothing else."""
    assert explains(cause, Found("AVB-302", evidence=extension(121)))


@pytest.mark.parametrize("cause", OF_BACKUP)
def test_what_concerns_backup_explains_the_backup_extension_only(cause: str) -> None:
    """AVB-312 says which extension it is about."""
    breaks = "AVB-312" in CATALOGUE[cause].breaks
    assert explains(cause, Found("AVB-312", message=VM_SNAPSHOT)) is breaks
    assert not explains(cause, Found("AVB-312", message="extension MonitorAgent is failed"))


@pytest.mark.parametrize("cause", ["AVB-411", "AVB-213", "AVB-206", "AVB-201", "AVB-204", "AVB-103"])
def test_what_concerns_the_agent_explains_any_extension(cause: str) -> None:
    """All of them are the agent's to handle."""
    assert explains(cause, Found("AVB-312", message="extension MonitorAgent is failed"))


def test_causes_are_listed_by_what_they_prove_explain_and_weigh() -> None:
    """Proven before undecided, many before few, gating before advice, worse before better, then by id."""
    found = [
        Found("AVB-504", UNKNOWN, severity=Severity.CRITICAL, see=()),
        Found("AVB-402", severity=Severity.LOW),
        Found("AVB-203", severity=Severity.HIGH),
        Found("AVB-202", severity=Severity.HIGH),
        Found("AVB-101", ADVICE, severity=Severity.CRITICAL),
        Found("AVB-302", ADVICE, evidence=extension(76)),
        Found("AVB-404", severity=Severity.LOW),
        Found("AVB-405"),
        Found("AVB-414"),
    ]
    assert told(*found) == [
        ("AVB-404", ["AVB-405", "AVB-414"]),
        ("AVB-202", []),
        ("AVB-203", []),
        ("AVB-402", []),
        ("AVB-504", []),
    ]
    gating = [Found("AVB-101", ADVICE, severity=Severity.CRITICAL), Found("AVB-302", evidence=extension(76))]
    assert told(*gating, Found("AVB-203"), Found("AVB-503", ADVICE)) == [("AVB-101", ["AVB-302"]), ("AVB-203", [])]


def test_gating_cause_comes_before_advice_that_explains_as_much() -> None:
    """Advice counts as a cause only for what it explains."""
    pair = [Found("AVB-111", ADVICE, severity=Severity.CRITICAL), Found("AVB-101", evidence=storage("connection"))]
    other = [Found("AVB-205", severity=Severity.LOW), Found("AVB-204")]
    assert told(*pair, *other) == [("AVB-205", ["AVB-204"]), ("AVB-111", ["AVB-101"])]


def test_what_was_not_read_stands_last_the_widest_reason_first() -> None:
    """Once for each reason, with everything that it took."""
    errors = [
        Found("AVB-101", ERROR, "no route"),
        Found("AVB-201", ERROR, "part missing"),
        Found("AVB-204", ERROR, "part missing"),
        Found("AVB-302", ERROR, "part missing"),
    ]
    causes = root_causes([*errors, Found("AVB-402")], CATALOGUE)
    assert [(c.control, c.explains, c.because) for c in causes] == [
        ("AVB-402", [], CATALOGUE["AVB-402"].because),
        ("AVB-201", ["AVB-204", "AVB-302"], "it could not be read"),
        ("AVB-101", [], "it could not be read"),
    ]


def test_because_says_what_is_known_of_a_control() -> None:
    """Its own words, its title where it has none, and that it was not decided."""
    stranger = Found("AVB-599", title="our own control holds")
    open_one = Found("AVB-113", UNKNOWN, title="routes lead to storage")
    words = {c.control: c.because for c in root_causes([stranger, open_one, Found("AVB-201")], CATALOGUE)}
    assert words == {
        "AVB-599": "not met: our own control holds",
        "AVB-113": "not decided: routes lead to storage",
        "AVB-201": CATALOGUE["AVB-201"].because,
    }


def test_controls_that_explain_each_other_do_not_explain_themselves() -> None:
    """Two reports that name each other: nobody is a root, and nothing runs in a circle."""
    assert told(Found("AVB-598", see=("AVB-597",)), Found("AVB-597", see=("AVB-598",))) == []
    chain = told(Found("AVB-201"), Found("AVB-598", see=("AVB-201", "AVB-597")), Found("AVB-597", see=("AVB-598",)))
    assert chain == [("AVB-201", ["AVB-598", "AVB-597"])]


def test_control_that_names_itself_stays_a_cause() -> None:
    """A message may speak of its own control."""
    assert told(Found("AVB-203", see=("AVB-203",))) == [("AVB-203", [])]


@pytest.mark.parametrize("code", [True, "761", 76.0, None, [76]])
def test_exit_code_is_a_whole_number(code: Any) -> None:
    """Evidence is JSON: truth, text and fractions are no exit code."""
    found = Found("AVB-302", evidence={"extension": {"handlers": [{"last": {"code": code}}]}})
    assert not explains("AVB-101", found)


@pytest.mark.parametrize(
    ("guest", "platform"),
    [
        ("AVB-101", ("AVB-111", "AVB-113", "AVB-114")),
        ("AVB-201", ("AVB-211",)),
        ("AVB-204", ("AVB-212",)),
        ("AVB-301", ("AVB-311",)),
        ("AVB-302", ("AVB-312",)),
    ],
)
def test_each_pair_of_sides_can_contradict(guest: str, platform: tuple[str, ...]) -> None:
    """One platform control that failed is enough against a guest that is well; all must hold against one that is not."""
    for each in platform:
        for failed in (BAD, ADVICE, Outcome.EXEMPT):
            (line,) = disagreements([Found(guest, WELL), Found(each, failed, VM_SNAPSHOT)])
            assert line.startswith(f"{guest}: ")
            assert f"({each})" in line
        others = [Found(c, WELL) for c in platform if c != each]
        assert disagreements([Found(guest, BAD), *others, Found(each, UNKNOWN)]) == []
    whole = [Found(c, WELL) for c in platform]
    for failed in (BAD, ADVICE, Outcome.EXEMPT):
        (line,) = disagreements([Found(guest, failed), *whole])
        assert f"({', '.join(platform)})" in line
    assert disagreements([Found(guest, WELL), *whole]) == []

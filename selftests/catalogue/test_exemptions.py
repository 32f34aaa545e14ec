"""Exemptions: how long they hold, what they speak of, what became of them, and how a wrong file is named."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from backup_compliance.catalogue.configuration import ConfigurationError
from backup_compliance.catalogue.controls import load_catalogue
from backup_compliance.catalogue.exemptions import Exemption, Exemptions, ExemptionStatus, load_exemptions
from backup_compliance.model.verdicts import Outcome
from selftests.builders.product import ROOT

CATALOGUE = load_catalogue(ROOT)
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ENTRY = """[[exemption]]
control = "AVB-203"
resource = "web*"
reason = "because"
owner = "ops"
expires_on = 2026-12-31
"""


def entry(
    control: str = "AVB-203", resource: str = "web*", day: date = date(2026, 12, 31), zone: str = "UTC"
) -> Exemption:
    """One entry with a reason and an owner."""
    return Exemption(control=control, resource=resource, reason="x", owner="ops", expires_on=day, time_zone=zone)


BAD_EXEMPTIONS = [
    (ENTRY.replace("AVB-203", "AVB-999"), ":2: exemption.control: unknown control id 'AVB-999'"),
    (ENTRY.replace("AVB-203", "AVC-*"), ":2: exemption.control: unknown control id 'AVC-*'"),
    (ENTRY.replace("2026-12-31", '"soon"'), ":6: exemption.expires_on: Invalid"),
    (ENTRY.replace("2026-12-31", "2026-12-31T10:00:00Z"), ":6: exemption.expires_on: Expected `date`"),
    (ENTRY.replace("2026-12-31", "2026-13-31"), "Expected"),
    (ENTRY.replace('"because"', '" "'), ":4: exemption.reason: must not be empty"),
    (ENTRY.replace('"ops"', '""'), ":5: exemption.owner: must not be empty"),
    (ENTRY + 'time_zone = "Mars/Base"\n', ":7: exemption.time_zone: 'Mars/Base' is no time zone"),
    (ENTRY + 'time_zone = "../passwd"\n', ":7: exemption.time_zone: '../passwd' is no time zone"),
    (ENTRY + ENTRY.replace("reason", "reson"), ":10: exemption.reson: Object contains unknown field"),
    (ENTRY + '[[exemption]]\ncontrol = "AVB-203"\n', ":7: exemption: Object missing required field"),
    ("exemption = 3\n", ":1: exemption: Expected `array`, got `int`"),
    ("[[exception]]\n", ":1: exception: Object contains unknown field"),
]


@pytest.mark.parametrize(("text", "message"), BAD_EXEMPTIONS, ids=[m[:60] for _, m in BAD_EXEMPTIONS])
def test_wrong_exemption_is_named_by_line_and_key(tmp_path: Path, text: str, message: str) -> None:
    """A misspelt key or an unknown control is an error, never an exemption that quietly does nothing."""
    file = tmp_path / "exemptions.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError) as raised:
        load_exemptions(file, CATALOGUE, NOW)
    assert message in str(raised.value)


@pytest.mark.parametrize(("longest", "refused"), [(0, False), (36, False), (35, True)])
def test_baseline_may_bound_how_far_ahead_an_exemption_ends(tmp_path: Path, longest: int, refused: bool) -> None:  # noqa: FBT001  # a table
    """36 days from 25 November to 31 December; what lasts longer is refused with line and key."""
    file = tmp_path / "exemptions.toml"
    file.write_text(ENTRY)
    if not refused:
        assert load_exemptions(file, CATALOGUE, NOW, longest).entries
        return
    with pytest.raises(ConfigurationError, match=r"exemptions\.toml:6: exemption\.expires_on: .* is 36 days ahead"):
        load_exemptions(file, CATALOGUE, NOW, longest)


@pytest.mark.parametrize(
    ("zone", "last", "first"),
    [
        ("UTC", "2026-12-31T23:59:59+00:00", "2027-01-01T00:00:00+00:00"),
        ("Pacific/Auckland", "2026-12-31T10:59:59+00:00", "2026-12-31T11:00:00+00:00"),
        ("America/New_York", "2027-01-01T04:59:59+00:00", "2027-01-01T05:00:00+00:00"),
    ],
)
def test_exemption_holds_through_its_last_day(zone: str, last: str, first: str) -> None:
    """`expires_on` ends at midnight of its zone, UTC where none is given."""
    assert entry(zone=zone).is_live(datetime.fromisoformat(last))
    assert not entry(zone=zone).is_live(datetime.fromisoformat(first))


@pytest.mark.parametrize("day", [date.max, date.max - timedelta(days=1)])
def test_exemption_may_end_at_the_end_of_days(day: date) -> None:
    """The calendar ends there; the comparison does not break."""
    assert entry(day=day, zone="Pacific/Auckland").is_live(NOW)


@pytest.mark.parametrize(
    ("pattern", "names", "expected"),
    [
        ("WEB*", ["web01"], True),
        ("web0[12]", ["web03"], False),
        ("*/vm01", ["x", "/subscriptions/s/VM01"], True),
        ("web*", [""], False),
    ],
)
def test_exemption_matches_any_name_of_a_resource(pattern: str, names: list[str], expected: bool) -> None:  # noqa: FBT001  # a table
    """Host id, VM name or resource id; globs; case does not matter."""
    found = entry(resource=pattern)
    assert found.matches("AVB-203", names) is expected
    assert not found.matches("AVB-204", names)


def test_exemption_may_speak_of_several_controls() -> None:
    """A glob over ids, in any case."""
    assert [c for c in ("AVB-201", "AVB-211", "AVB-301") if entry("avb-2*").speaks_of(c)] == ["AVB-201", "AVB-211"]


def test_exemption_that_lasts_longest_counts() -> None:
    """Where two speak of one resource, a live one goes before an expired one."""
    short, long = entry(day=date(2020, 1, 1)), entry(day=date(2030, 1, 1))
    assert Exemptions([long, short]).find("AVB-203", ["web1"]) is long
    assert Exemptions([short, long]).find("AVB-203", ["web1"]) is long


def standing(one: Exemption, *seen: tuple[Outcome, str], narrowed: bool = False) -> ExemptionStatus:
    """What becomes of one entry after a run of AVB-203 on web01 and of what else is given."""
    (use,) = Exemptions([one], NOW).uses(
        [(o, c, ["web01"]) for o, c in seen], ["AVB-201", "AVB-203"], narrowed=narrowed
    )
    return use.standing


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.EXEMPT, ExemptionStatus.USED),
        (Outcome.ERROR, ExemptionStatus.USED),
        (Outcome.UNDETERMINED, ExemptionStatus.USED),
        (Outcome.COMPLIANT, ExemptionStatus.UNNEEDED),
        (Outcome.NOT_APPLICABLE, ExemptionStatus.UNNEEDED),
    ],
)
def test_exemption_whose_control_is_compliant_is_needless(outcome: Outcome, expected: ExemptionStatus) -> None:
    """While something could not be read, whether it is needed cannot be told."""
    assert standing(entry(), (outcome, "AVB-203")) is expected


def test_expired_exemption_is_shown_as_such() -> None:
    """Whether it would still be needed or not."""
    old = entry(day=date(2026, 11, 24))
    assert standing(old, (Outcome.NON_COMPLIANT, "AVB-203")) is ExemptionStatus.EXPIRED
    assert standing(old) is ExemptionStatus.EXPIRED


def test_exemption_of_nothing_is_told_apart_from_a_needless_one() -> None:
    """The one is misspelt, the other done with."""
    assert standing(entry(resource="wbe*"), (Outcome.COMPLIANT, "AVB-203")) is ExemptionStatus.UNMATCHED


def test_run_of_a_part_calls_no_exemption_needless() -> None:
    """What was not run, or was left out, may need it."""
    assert standing(entry(), (Outcome.COMPLIANT, "AVB-201")) is ExemptionStatus.NOT_JUDGED
    assert standing(entry("AVB-2*"), (Outcome.COMPLIANT, "AVB-203")) is ExemptionStatus.NOT_JUDGED
    assert standing(entry(), (Outcome.COMPLIANT, "AVB-203"), narrowed=True) is ExemptionStatus.NOT_JUDGED

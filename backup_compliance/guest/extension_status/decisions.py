"""Whether the extension's last run took its snapshots; pure, and the same for guests and for ARM."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from backup_compliance.guest.extension_status.codes import DONE, code_meaning
from backup_compliance.guest.extension_status.reading import ExtensionStatus
from backup_compliance.model.verdicts import RECOLLECT, Undetermined

RUN_LIMIT: Final = timedelta(minutes=140)
"""How late a command may start (VMBackup, freezesnapshotter.is_command_timedout), taken as the bound of a whole run."""
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunJudgement:
    """What the extension's reports say of its last finished run."""

    failure: str | None
    """What is wrong; None where the run took its snapshots."""
    remark: str = ""
    """What else to say of it: that a run is under way."""


def judge_runs(last: ExtensionStatus, earlier: Iterable[ExtensionStatus], now: datetime | None) -> RunJudgement:
    """The verdict on the last finished run.

    Args:
        last: the newest report.
        earlier: reports of runs before it, in any order; they count while the last run is under way.
        now: when the report was read, by the clock nearest to the platform's; None where that is not known.

    Raises:
        Undetermined: the report does not decide, or the run is under way and none before it is known.
    """
    if not last.is_under_way or "error" in last.statuses:
        return RunJudgement(run_failure(last))
    if _is_over(last, now):
        return RunJudgement(unfinished_failure(last))
    remark = f"a run is under way since {_told(last.started_at or last.written_at)}"
    before = newest(e for e in earlier if moment(e) < moment(last))
    if before is None:
        raise Undetermined(
            f"{remark}, and how the run before it ended is not known",
            f"collect again when it has ended: it may take {_minutes(RUN_LIMIT)} minutes",
        )
    failure = unfinished_failure(before) if before.is_under_way else run_failure(before)
    return RunJudgement(f"{failure} ({remark})" if failure else None, f"{remark}; the one before it counts")


def judge_reports(
    own: Sequence[ExtensionStatus], others: Sequence[ExtensionStatus], teller: str, now: datetime | None
) -> RunJudgement | None:
    """The verdict on the last run, whoever tells of it; None where nobody does.

    Args:
        own: the reports of the side that is judged.
        others: the reports of the other side; the newer one counts.
        teller: who the other side is.
        now: as for `judge_runs`, which also says what is raised.
    """
    reports = (*own, *others)
    last = newest(reports)
    if last is None:
        return None
    judged = judge_runs(last, reports, now)
    if last in own:
        return judged
    source = f"as {teller} tells: its report is newer" if own else f"as {teller} tells"
    return RunJudgement(
        judged.failure and f"{judged.failure}, {source}", "; ".join(filter(None, (judged.remark, source)))
    )


def newest(statuses: Iterable[ExtensionStatus]) -> ExtensionStatus | None:
    """The report of the run that began last: of one run the finished one, then the first; None of none."""
    return max(statuses, key=lambda s: (moment(s), not s.is_under_way), default=None)


def moment(status: ExtensionStatus) -> datetime:
    """When its run began, by the platform's clock, else when it was written."""
    return status.started_at or status.written_at or _NEVER


def unfinished_failure(status: ExtensionStatus) -> str:
    """The words for a run that reported its start and nothing after."""
    return f"the run that began {_told(status.started_at or status.written_at)} never finished: it still says code 4, under way, and a run ends within {_minutes(RUN_LIMIT)} minutes"


def run_failure(status: ExtensionStatus) -> str | None:
    """What is wrong with a finished run; None where it took its snapshots.

    Every code but the good ones is bad, known or not: the outer status of a failed run says success as well.

    Raises `Undetermined` for a report without a code, with a warning, or of disks whose snapshots are not told.
    """
    when = f"the last run ({_told(status.started_at or status.written_at)})"
    failed = [d for d in status.disks if d.is_successful is False]
    bad_code = status.code is not None and status.code not in DONE
    if bad_code or failed or "error" in status.statuses:
        meaning = code_meaning(status.code) or ("not known here" if bad_code else "")
        code = (
            "an error without a code" if status.code is None else f"code {status.code}" + (meaning and f": {meaning}")
        )
        disks = "".join(f"; {d.name} failed" + (d.error and f": {d.error}") for d in failed[:3])
        more = f"; {len(failed) - 3} more disks" if len(failed) > 3 else ""
        return f"{when} ended with {code}{disks}{more} ({status.message or 'no message'})"
    if status.is_good:
        return None
    raise Undetermined(
        f"{when} {_doubt(status)} ({status.message or 'no message'})", "look at the next backup's report"
    )


def _doubt(status: ExtensionStatus) -> str:
    if status.code is None:
        return "reports no code, and its status alone says success whatever happened"
    unclear = next((d for d in status.disks if d.is_successful is None), None)
    if unclear is not None:
        return f"does not say what became of {unclear.name}"
    return f"reports code {status.code} with the status {', '.join(status.statuses)}"


def _is_over(status: ExtensionStatus, now: datetime | None) -> bool:
    """Whether a run that was under way must have ended by now.

    Raises `Undetermined` where its age is not known.
    """
    begun = status.started_at or status.written_at
    if begun is None or now is None:
        what = "when it began" if begun is None else "when it was read"
        raise Undetermined(f"a run is under way, and {what} is not told", RECOLLECT)
    if begun > now + CLOCK_TOLERANCE:
        raise Undetermined(
            f"a run is under way since {_told(begun)}, later than the reading of {_told(now)}", "set the clocks right"
        )
    return now - begun > RUN_LIMIT


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)


def _told(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "of unknown time"

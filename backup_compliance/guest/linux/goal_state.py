"""What the platform asks of this VM, as the host address tells it."""

from __future__ import annotations

from backup_compliance.guest.facts import GoalState
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import parse_version
from backup_compliance.model.sanitize import printable
from backup_compliance.model.verdicts import RECOLLECT, Unreadable


def parse_goal_state(output: ProbeOutput) -> GoalState | None:
    """What the host address asks of this VM; None where it gave no goal state."""
    found = output.all("goal-state")
    if not found:
        return None
    pairs = found[0].pairs()
    requested = {"yes": True, "no": False}.get(pairs.get("backup-extension", ""))
    if requested is None:
        raise Unreadable(
            "the goal state was not read to its end", "collect again: the host address stopped in its answer"
        )
    told = pairs.get("agent-version")
    version = parse_version(told) if told else None
    if told is None or (told and version is None):
        raise Unreadable(
            f"the goal state asks for no agent version that can be read: {printable(told or '', 60)!r}", RECOLLECT
        )
    return GoalState(version, requested)

"""What the platform asks of this VM, as the host address tells it."""

from __future__ import annotations

from backup_compliance.guest.facts import GoalState
from backup_compliance.guest.probe_output import ProbeOutput
from backup_compliance.guest.versions import parse_version
from backup_compliance.model.verdicts import Unreadable


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
    return GoalState(parse_version(pairs.get("agent-version", "")), requested)

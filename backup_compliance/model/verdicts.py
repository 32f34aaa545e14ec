"""What a control can come to, and the exceptions by which facts say that they are not enough."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """The verdict on one control for one resource, as `compliance.json` spells it."""

    COMPLIANT = "compliant"
    NON_COMPLIANT = "non_compliant"
    UNDETERMINED = "undetermined"
    ERROR = "error"
    NOT_APPLICABLE = "not_applicable"
    EXEMPT = "exempt"
    ADVISORY = "advisory"


class Unreadable(Exception):
    """A fact could not be read; says what was missing and how to grant it. Always gates."""

    def __init__(self, missing: str, remedy: str = "") -> None:
        self.missing = missing
        self.remedy = remedy
        super().__init__(f"{missing} ({remedy})" if remedy else missing)


class Undetermined(Exception):
    """Everything was read, and it is still not enough to decide. Carries its control's severity."""

    def __init__(self, reason: str, remedy: str = "") -> None:
        self.remedy = remedy
        """What would decide it; empty where the control's own remediation fits."""
        super().__init__(reason)


class NotAsked(Undetermined):
    """The probe of an older recording did not ask for this: no gate is closed by it. Its control is collected again."""


class NotApplicable(Exception):
    """The control has no subject here, and the facts prove that."""

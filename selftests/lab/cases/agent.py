"""The agent: missing, stopped, disabled, killed, old, badly configured."""

from __future__ import annotations

from typing import Final

from selftests.lab.table import NA, C, Case, E, Fault, N, U, case

_CONF: Final = "/etc/waagent.conf"
_DAEMON: Final = "[w]aagent -daemon"
_HANDLER: Final = "[-]run-exthandlers"
FREEZE: Final = f"pkill -STOP -f '{_DAEMON}'; pkill -STOP -f -- '{_HANDLER}'; true"
THAW: Final = f"pkill -CONT -f '{_DAEMON}'; pkill -CONT -f -- '{_HANDLER}'; true"
"""The agent writes its logs and its extensions' status all the time; only while it stands still is a change somebody else's."""
ENDED: Final = f"! pgrep -f '{_DAEMON}' && ! pgrep -f -- '{_HANDLER}'"


def configuration(name: str, change: str, path: str = _CONF) -> Fault:
    """Another waagent.conf, which the agent that runs has not read yet."""
    return Fault(name, f"cp -a {path} /run/lab-agent.conf; {change}", f"mv /run/lab-agent.conf {path}")


def setting(line: str, path: str = _CONF) -> Fault:
    """One line of waagent.conf in the place of another."""
    key = line.partition("=")[0]
    return configuration(line, f"sed -i '/^{key}=/d' {path}; echo '{line}' >> {path}", path)


def _unit(name: str, apply: str, undo: str) -> Fault:
    return Fault(name, f"systemctl {apply} walinuxagent", f"systemctl {undo} walinuxagent")


PURGED: Final = Fault("agent purged", "dpkg --purge waagent", seen=ENDED, final=True)
STOPPED: Final = Fault("agent stopped", "systemctl stop walinuxagent", "systemctl start walinuxagent", seen=ENDED)
KILLED: Final = Fault(
    "agent killed",
    f"pkill -9 -f '{_DAEMON}'; pkill -9 -f -- '{_HANDLER}'; true",
    "systemctl start walinuxagent",
    seen=ENDED,
)
DECAPITATED: Final = Fault(
    "daemon alive, handler dead",
    f"pkill -STOP -f '{_DAEMON}'; pkill -9 -f -- '{_HANDLER}'; true",  # frozen, or it would start another one
    f"pkill -CONT -f '{_DAEMON}'",
    seen=f"! pgrep -f -- '{_HANDLER}'",
)
DECOY: Final = Fault(
    "agent stopped, a decoy runs",
    "systemctl stop walinuxagent; mkdir -p /var/lib/waagent/decoy; cp /bin/sleep /var/lib/waagent/decoy/waagent; "
    "printf 'import time\\ntime.sleep(600)\\n' > /var/lib/waagent/decoy/waagent; "
    "setsid python3 /var/lib/waagent/decoy/waagent -daemon > /dev/null 2>&1 < /dev/null &",
    "pkill -f '[d]ecoy/waagent'; rm -r /var/lib/waagent/decoy; systemctl start walinuxagent",
    seen=f"! pgrep -f -- '{_HANDLER}' && pgrep -f '[d]ecoy/waagent'",
)
_VERSION_FILE: Final = "/usr/lib/python3/dist-packages/azurelinuxagent/common/version.py"
OLD: Final = Fault(
    "agent is old",
    f"cp -a {_VERSION_FILE} /run/lab-version.py; sed -i \"s/^AGENT_VERSION = .*/AGENT_VERSION = '2.2.40'/\" {_VERSION_FILE}; systemctl restart walinuxagent",
    f"mv /run/lab-version.py {_VERSION_FILE}; systemctl restart walinuxagent",
    seen=f"pgrep -f -- '{_HANDLER}' && waagent --version | grep -q 2.2.40",
)
RESTARTED: Final = Fault(
    "Restart=on-failure",
    "printf '[Service]\\nRestart=on-failure\\n' > /etc/systemd/system/walinuxagent.service.d/restart.conf; systemctl daemon-reload",
    "rm /etc/systemd/system/walinuxagent.service.d/restart.conf; systemctl daemon-reload",
)
AGAIN: Final = Fault(
    "agent killed, and restarted",
    f"for i in 1 2; do pkill -9 -f '{_DAEMON}'; pkill -9 -f -- '{_HANDLER}'; until pgrep -f '{_DAEMON}'; do sleep 0.2; done; done",
    seen=f"pgrep -f -- '{_HANDLER}' && test \"$(systemctl show -P NRestarts waagent)\" -ge 2",
)

CASES: Final[tuple[Case, ...]] = (
    case(
        "purged",
        PURGED,
        ("201", N, "not installed"),
        ("202", N, "no service"),
        ("203", N, "no service"),
        ("204", U, "not installed"),
        ("205", U, "does not exist"),
        ("206", N, "does not exist"),
        ("207", U, "not installed"),
        ("301", N, "no handler folder"),  # Debian's package takes /var/lib/waagent with it
        ("302", NA, "not installed"),
    ),
    case("agent1", setting("AutoUpdate.UpdateToLatestVersion=y"), ("205", C)),
    case("agent1", _unit("agent disabled", "disable", "enable"), ("202", N, "UnitFileState=disabled")),
    case("agent1", OLD, ("204", N, "the minimum is 2.2.53.1"), ("207", N, "the platform asks for 2.7.3.0")),
    case("agent1", RESTARTED, ("203", C)),
    case("agent1", STOPPED, ("201", N, "'waagent -daemon' does not run")),
    case("agent2", setting("Extensions.Enabled=n"), ("206", N, "Extensions.Enabled=n")),
    case("agent2", setting("AutoUpdate.Enabled=y"), ("205", C)),
    case("agent2", KILLED, ("201", N, "'waagent -daemon' does not run")),
    case("agent2", DECAPITATED, ("201", N, "'-run-exthandlers' does not")),
    case(
        "agent2",
        Fault(
            "unit masked",
            "systemctl mask --now walinuxagent",
            "systemctl unmask walinuxagent; systemctl start walinuxagent",
        ),
        ("201", N, "does not run"),
        ("202", N, "masked"),
        ("203", N, "Restart=unset"),
    ),
    case(
        "agent3",
        configuration("waagent.conf is missing", f"rm {_CONF}"),
        ("205", U, "does not exist"),
        ("206", N, "does not exist"),
    ),
    case(
        "agent3",
        configuration("waagent.conf is garbled", f"head -c 4000 /dev/urandom | tr '=' '-' > {_CONF}"),
        # The agent itself skips such a line; a recording cannot tell it from a setting that was damaged on its way.
        *((control, E, "is no setting") for control in ("101", "102", "205", "206")),
    ),
    case(
        "agent3",
        configuration("waagent.conf is empty", f": > {_CONF}"),
        ("205", U, "holds no setting"),
        ("206", N, "it is empty"),
    ),
    case(
        "agent3",
        Fault("platform asks for a newer agent", orders={"agent_version": "9.9.9.9"}),
        ("207", N, "the platform asks for 9.9.9.9"),
    ),
    case(
        "agent3",
        Fault("platform asks for no version", orders={"agent_version": ""}),
        ("207", N, "newest release known"),
    ),
    case("agent3", DECOY, ("201", N, "only bear its name")),
    case(
        "networkmanager",
        setting("AutoUpdate.UpdateToLatestVersion=n"),
        ("205", N, "AutoUpdate.UpdateToLatestVersion=n"),
    ),
    case("networkmanager", AGAIN, ("201", C), ("203", C)),
    case(
        "networkmanager",
        Fault(
            "agent disabled and stopped",
            "systemctl disable --now waagent",
            "systemctl enable --now waagent",
            seen=ENDED,
        ),
        ("201", N, "does not run"),
        ("202", N, "UnitFileState=disabled"),
        ("207", N, "the agent is 2.7.3.0"),  # without its update at work, the installed one is the agent
    ),
    case(
        "sysvinit",
        Fault("agent disabled", "update-rc.d walinuxagent disable", "update-rc.d walinuxagent enable"),
        ("202", N, "no start link"),
    ),
    case(
        "sysvinit",
        Fault("agent killed", KILLED.apply, "/etc/init.d/walinuxagent start", seen=ENDED),
        ("201", N, "does not run"),
    ),
)

"""Where distributions keep the agent: the table, and what the probe makes of it on made-up guests."""

from __future__ import annotations

from pathlib import Path

import pytest

from backup_compliance.gathering.support_logs import logs_command
from backup_compliance.guest.linux.agent_layouts import DEFAULT, LAYOUTS, AgentLayout, layout_of
from backup_compliance.guest.linux.guest import LinuxGuest, parse_linux_guest
from backup_compliance.guest.linux.output import parse_output
from backup_compliance.guest.linux.probe import PROBE, with_tables
from backup_compliance.judging.run import _debugging
from selftests.builders import fake_guest
from selftests.builders.recordings import ubuntu

FLATCAR = "/usr/share/oem/waagent.conf"


def test_probe_holds_the_tables_as_they_are() -> None:
    """`make readme` writes both into probe.sh; by hand it is a bare file."""
    text = PROBE.read_text()
    assert with_tables(text) == text
    assert all(layout.configuration in text for layout in LAYOUTS)


def test_last_layout_fits_every_distribution() -> None:
    """And it is the only one that does."""
    assert [layout for layout in LAYOUTS if not layout.distributions] == [DEFAULT]
    assert layout_of("a distribution of tomorrow") is DEFAULT


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda x: x.configuration)
def test_paths_need_no_quotes_in_a_shell(layout: AgentLayout) -> None:
    """They are written into probe.sh as they are."""
    words = (layout.configuration, layout.binary, layout.state_folder, *layout.units, *layout.distributions)
    assert all(word.replace("/", "").replace(".", "").replace("-", "").isalnum() for word in words)


def probed(root: Path, os_release: str, *files: str, **changes: str | bytes) -> LinuxGuest:
    """A guest of that distribution, as the probe reads it; the agent's configuration says `Extensions.Enabled=n`."""
    written = {"etc/os-release": os_release, **dict.fromkeys(files, "Extensions.Enabled=n\n"), **changes}
    tree = fake_guest.build(root, written)
    output = fake_guest.finish(fake_guest.start(tree))
    start = output.index(b"uid=")
    return parse_linux_guest(parse_output(output[:start] + b"uid=0" + output[output.index(b"\n", start) :]))


DISTRIBUTIONS = {
    "Flatcar": ("ID=flatcar\nID_LIKE=coreos\n", FLATCAR),
    "CoreOS, quoted": ('NAME="Container Linux"\nID="coreos"\n', FLATCAR),
    "Clear Linux": ("ID=clear-linux-os\n", "/usr/share/defaults/waagent/waagent.conf"),
    "one that is like Flatcar": ("ID=acme\nID_LIKE=flatcar\n", "/etc/waagent.conf"),
    "Debian": ("ID=debian\n", "/etc/waagent.conf"),
}


@pytest.mark.parametrize(("os_release", "path"), DISTRIBUTIONS.values(), ids=DISTRIBUTIONS.keys())
def test_probe_reads_the_configuration_of_the_distribution(tmp_path: Path, os_release: str, path: str) -> None:
    """And no other: what lies in another distribution's place decides nothing."""
    guest = probed(tmp_path, os_release, *(layout.configuration.lstrip("/") for layout in LAYOUTS))
    assert guest.layout.configuration == path
    assert guest.configuration is not None
    assert (guest.configuration.path, guest.configuration.settings) == (path, {"Extensions.Enabled": "n"})


def test_configuration_on_the_command_line_goes_first(tmp_path: Path) -> None:
    """`-configuration-path:` of the running agent; the proxy comes from that file, too."""
    command = b"python3\0-u\0/usr/sbin/waagent\0-daemon\0-configuration-path:/opt/agent-1/a_b.conf\0"
    changes: dict[str, str | bytes] = {
        "proc/843/cmdline": command,
        "opt/agent-1/a_b.conf": "HttpProxy.Host=10.0.0.5\nHttpProxy.Port=1\n",
    }
    guest = probed(tmp_path, "ID=flatcar\n", **changes)
    assert guest.configuration is not None
    assert guest.configuration.path == "/opt/agent-1/a_b.conf"
    assert guest.output.one("endpoints").lines()[1].endswith(" 10.0.0.5:1")


def test_missing_configuration_is_told_by_its_own_path(tmp_path: Path) -> None:
    """On Flatcar nobody looks at /etc."""
    guest = probed(tmp_path, "ID=flatcar\n")
    assert guest.configuration is None
    assert guest.layout.configuration == FLATCAR


def test_debugging_hint_names_the_layouts_configuration() -> None:
    """Where verbose logging is turned on."""
    moved = ubuntu().laid_out(FLATCAR)
    hint = _debugging(parse_linux_guest(parse_output(moved.output())))
    assert f"set Logs.Verbose=y in {FLATCAR}" in hint
    on = moved.config(FLATCAR, "Logs.Verbose=y")
    assert _debugging(parse_linux_guest(parse_output(on.output()))).startswith("Logs.Verbose is on")


def test_support_logs_come_from_every_layouts_state_folder() -> None:
    """One variable tells the script."""
    folders = ",".join(dict.fromkeys(layout.state_folder for layout in LAYOUTS))
    assert f" AVB_STATE_FOLDERS={folders} " in logs_command(0)

"""The Windows probe's commands: what they may be, what they may not look like, and the file for doing it by hand."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
import tree_sitter
import tree_sitter_powershell

from backup_compliance.guest.windows.probe import BY_HAND, COMMAND_LIMIT, PLAIN, QUOTED, Shell, new_probe, script
from selftests.readme import probe_by_hand

PROBE = new_probe("a" * 24 + ".blob.core.windows.net")
COMMANDS = {
    "first": PROBE.first(datetime.now(UTC)),
    **{f"second-{s.value}": PROBE.second(s) for s in Shell},
    **{f"third-{s.value}": PROBE.third(s) for s in Shell},
}


@pytest.mark.parametrize("name", COMMANDS)
def test_command_fits_and_hides_nothing(name: str) -> None:
    """Cmd.exe takes 8,191 characters; whatever is encoded, hidden or downloaded looks like malware to AMSI."""
    command = COMMANDS[name]
    assert len(command) < COMMAND_LIMIT
    assert command.isascii()
    assert "\n" not in command
    for word in (
        "-enc ",
        "-encodedcommand",
        "FromBase64",
        "Invoke-Expression",
        "iex ",
        "-w hidden",
        "DownloadString",
        "-ExecutionPolicy",
        "Gzip",
        "Add-Type",
    ):
        assert word.lower() not in command.lower()


def test_commands_only_read() -> None:
    """Nothing is added, set, started, stopped or written: reg and sc are asked with `query`, PowerShell with reading verbs."""
    for _, command in (*PLAIN, *QUOTED):
        assert re.match(r"(reg query|sc query|route print|chcp$|ver$)", command), command
    verbs = set(re.findall(r"\b([A-Z][a-z]+)-[A-Z][A-Za-z]+\b", script()))
    assert verbs <= {"Get", "Where", "Select", "Start", "New", "Test", "Convert", "ConvertFrom", "ConvertTo"}
    assert set(re.findall(r"\bStart-\w+|\bNew-\w+ [\w.]+", script())) == {
        "Start-Sleep",
        "New-Object Net.Sockets.TcpClient",
        "New-Object byte",
        "New-Object Net.Security.SslStream",
        "New-Object IO.StreamReader",
    }


def test_registry_is_asked_in_the_64_bit_view() -> None:
    """A 32-bit shell sees another half of SOFTWARE, unless it says which one it means."""
    for heading, command in (*PLAIN, *QUOTED):
        if command.startswith("reg query HKLM") or '"HKLM' in command:
            assert f"/reg:{'32' if heading.endswith('-32') else '64'}" in command


def test_first_command_needs_no_quotes_within() -> None:
    """It is for either shell: PowerShell takes a word apart at quotes that cmd.exe leaves alone."""
    assert COMMANDS["first"].count('"') == 2
    assert "'" not in COMMANDS["first"]


def test_script_is_for_any_shell() -> None:
    """A double quote would end it, and a per cent sign would be a variable to cmd.exe."""
    assert not set('"%') & set(script())


def test_script_is_powershell() -> None:
    """No PowerShell runs here; its grammar at least finds no mistake."""
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    assert not parser.parse(script().encode()).root_node.has_error
    assert parser.parse(b"if($x){'a'").root_node.has_error


def test_endpoint_is_a_host_name() -> None:
    """What goes into the command line is checked, wherever it comes from."""
    with pytest.raises(ValueError, match="no host name"):
        new_probe("x';Remove-Item y;'")


def test_file_for_doing_it_by_hand_is_current() -> None:
    """`make readme` would change nothing; it asks the same, a command a line, and every line fits."""
    text = BY_HAND.read_bytes()
    assert text == probe_by_hand()
    lines = text.decode().split("\r\n")
    assert [x for x in lines if x.startswith("reg ")] == [c for _, c in (*PLAIN, *QUOTED) if c.startswith("reg ")]
    assert max(len(x) for x in lines) < COMMAND_LIMIT
    assert "\n" not in "".join(lines)

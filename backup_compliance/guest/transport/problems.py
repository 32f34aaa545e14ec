"""Why a host was not read, out of what its connection said, and what to do about it."""

from __future__ import annotations

import re
from typing import Final

from backup_compliance.model.recorded import Problem
from backup_compliance.model.sanitize import printable

# What ssh, sudo and container runtimes print, in the order in which the more telling one wins.
_KNOWN: Final = (
    (r"ansible(-inventory)?: .*not found", "ansible is not installed here", "pip install ansible-core"),
    (
        r"(docker|podman|kubectl|oc|lxc): .*not found",
        "the connection's command is not installed here",
        "install it, or use another connection",
    ),
    (r"No such container|No such object|pods? .* not found", "there is no such container or pod", "check the name"),
    (
        r"REMOTE HOST IDENTIFICATION HAS CHANGED",
        "its host key has changed",
        "compare the key with the host's; if it is the host, ssh-keygen -R HOST",
    ),
    (
        r"Host key verification failed|authenticity of host|No .* host key is known",
        "its host key is not known here",
        "connect once by hand, or add the key to known_hosts (ssh-keyscan)",
    ),
    (
        r"Permission denied|Too many authentication failures|Authentication failed|No authentication methods",
        "it refused the login",
        "check user and key: --ssh-identity-file, --ssh-config, USER@HOST",
    ),
    (
        r"sudo: .*(password is required|terminal is required|no tty)",
        "sudo asks for a password",
        "allow it without one for this user (NOPASSWD), or connect as root",
    ),
    (
        r"is not in the sudoers|not allowed to execute",
        "the user may not use sudo",
        "add the user to sudoers, or connect as root",
    ),
    (r"sudo: (command )?not found|sudo: No such file", "sudo is not installed", "connect as root without --sudo"),
    (
        r"Could not resolve hostname|Name or service not known|nodename nor servname|Temporary failure in name resolution",
        "its name does not resolve",
        "check the spelling and the resolver of this machine",
    ),
    (r"Connection refused", "it refused the connection", "check that sshd (or WinRM) runs there and the port is right"),
    (
        r"timed out|Operation timed out",
        "it does not answer",
        "check that it runs and that a firewall lets this machine in",
    ),
    (
        r"No route to host|Network is unreachable",
        "there is no route to it",
        "run the suite where the host can be reached, or bring its facts (--facts)",
    ),
    (
        r"Connection reset|Connection closed|closed by remote host|Broken pipe",
        "the connection was closed",
        "look at sshd's log on the host (MaxStartups, a broken shell, a full disk)",
    ),
    (
        r"sshpass: (command )?not found",
        "sshpass is not installed here",
        "install sshpass, or use a key instead of a password",
    ),
    (r"You must install the pywinrm", "pywinrm is not installed here", "pip install pywinrm"),
    (
        r"WINRM_PASSWORD is not set",
        "no password is given for it",
        "set WINRM_PASSWORD, or write winrm://USER:PASSWORD@HOST",
    ),
    (
        r"credentials were rejected|Code 401",
        "it refused the login",
        "check user and password; WinRM takes NTLM here, a local user as USER, one of a domain as DOMAIN%5CUSER",
    ),
    (
        r"Access is denied|Code 403",
        "the user may not use WinRM there",
        "connect as a member of Administrators (a local one needs LocalAccountTokenFilterPolicy=1)",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed",
        "its certificate is not believed here",
        "name its authority in REQUESTS_CA_BUNDLE, or add ?no_verify_ssl=true to the host spec",
    ),
    (r"You must install paramiko", "paramiko is not installed here", "pip install paramiko, or write ssh:// instead"),
    (
        r"base64: (command )?not found",
        "it has no base64 command",
        "install coreutils there, or bring its facts: sh probe.sh > NAME.txt",
    ),
)


def explain(text: str, otherwise: str) -> Problem:
    """The problem behind error output `text`; its last line where the text is not a known one."""
    for pattern, missing, remedy in _KNOWN:
        if re.search(pattern, text, re.IGNORECASE):
            return Problem(missing, remedy)
    lines = [line for line in text.splitlines() if line.strip()]
    said = printable(lines[-1], 160) if lines else ""
    return Problem(
        f"{otherwise}: {said}" if said else otherwise, "try the same connection by hand, for ssh: ssh HOST id"
    )

"""What goes wrong between the product and a guest: connections, logins, shells, odd contents."""

from __future__ import annotations

from typing import Final

from selftests.lab.table import Case, E, Fault, case, unchanged, unread

_SSHD: Final = "/etc/ssh/sshd_config.d/lab-fault.conf"
_RELOAD: Final = "systemctl reload ssh"
_CONF: Final = "/etc/waagent.conf"


def _sshd(name: str, *lines: str, prepare: str = "true", clean: str = "true", spec: str = "ssh://root@{name}") -> Fault:
    """Another configuration of the guest's sshd."""
    text = "".join(f"{line}\\n" for line in lines)
    return Fault(name, f"{prepare}; printf '{text}' > {_SSHD}; {_RELOAD}", f"rm {_SSHD}; {_RELOAD}; {clean}", spec=spec)


def _shell(path: str) -> Fault:
    change = "sed -i 's#^root:\\(.*\\):[^:]*$#root:\\1:{}#' /etc/passwd"
    return Fault(f"login shell {path.rsplit('/', 1)[-1]}", change.format(path), change.format("/bin/bash"))


def _user(name: str, user: str, rule: str = "", spec: str = "ssh://{user}@{name}?sudo=true") -> Fault:
    """A user of this fault's own, with that line in sudoers (none where it is empty); gone with all processes after it."""
    granted = f"echo '{user} {rule}' > /etc/sudoers.d/{user}" if rule else "true"
    ssh = f"/home/{user}/.ssh"
    add = f"useradd --create-home --shell /bin/bash {user} && echo '{user}:*' | chpasswd -e"
    keys = f"cp -r /root/.ssh {ssh} && chown -R {user}: {ssh}"
    # userdel refuses as long as anything of the session is left
    end = f"pkill -KILL -u {user}; while pgrep -u {user} > /dev/null; do sleep 0.1; done"
    return Fault(
        name,
        f"{granted} && {add} && {keys}",
        f"{end}; rm -f /etc/sudoers.d/{user}; userdel --remove {user}",
        spec=spec.replace("{user}", user),
        user=user,
    )


def _conf(name: str, change: str) -> Fault:
    return Fault(name, f"cp -a {_CONF} /run/lab-conf; {change}", f"mv /run/lab-conf {_CONF}")


HOST_KEY: Final = Fault(
    "host key has changed",
    "mkdir /run/lab-keys; mv /etc/ssh/ssh_host_* /run/lab-keys/; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key; systemctl restart ssh",
    "rm /etc/ssh/ssh_host_*; mv /run/lab-keys/* /etc/ssh/; rmdir /run/lab-keys; systemctl restart ssh",
)
LOCKED_OUT: Final = Fault("key is not known there", "mv /root/.ssh /root/.ssh-away", "mv /root/.ssh-away /root/.ssh")
HANGS: Final = Fault("sshd accepts and hangs", "pkill -STOP -o sshd", "pkill -CONT -o sshd")
FIREWALL: Final = Fault(
    "port 22 dropped",
    "nft add table ip lab && nft 'add chain ip lab in { type filter hook input priority 0; }' && nft 'add rule ip lab in tcp dport 22 drop'",
    "nft delete table ip lab",
)
TOO_LARGE: Final = "larger than"
CUT: Final = 'ForceCommand sh -c "$SSH_ORIGINAL_COMMAND" | head -c 3000; kill -9 $PPID'

CASES: Final[tuple[Case, ...]] = (
    unread("reading1", Fault("host is down", unplugged=True), "no route to it|does not answer"),
    unread("reading1", FIREWALL, "does not answer"),
    unread("reading1", HOST_KEY, "host key has changed"),
    unread("reading1", LOCKED_OUT, "refused the login"),
    unread("reading1", HANGS, "does not answer"),
    unread("reading2", Fault("port is closed", spec="ssh://root@{name}:2222"), "refused the connection"),
    unread("reading2", Fault("name does not resolve", spec="ssh://root@{name}.nowhere.invalid"), "does not resolve"),
    unread("reading2", _sshd("login hangs", "ForceCommand sleep 100"), "did not finish within"),
    unread("reading2", _sshd("connection cut in the middle", CUT), "the connection was closed"),
    unread(
        "reading2",
        Fault(
            "no base64 command", "mv /usr/bin/base64 /usr/bin/base64-away", "mv /usr/bin/base64-away /usr/bin/base64"
        ),
        "base64",
    ),
    unchanged("reading3", _shell("/bin/csh")),
    unchanged("reading3", _shell("/usr/bin/fish")),
    unchanged("reading3", _shell("/bin/mksh")),
    unchanged(
        "reading3",
        _sshd(
            "banner, message of the day, noisy shell",
            "Banner /etc/issue.net",
            "PrintMotd yes",
            prepare="cp /root/.bashrc /run/lab-bashrc; sed -i '1i echo Welcome; echo avb-probe; printf \"no newline\"' /root/.bashrc; echo motd > /etc/motd",
            clean="mv /run/lab-bashrc /root/.bashrc; : > /etc/motd",
        ),
    ),
    unchanged("reading3", _sshd("PATH is empty", "SetEnv PATH=")),
    unchanged("reading4", _user("sudo without a password", "trusted", "ALL=(ALL) NOPASSWD: ALL")),
    unread("reading4", _user("sudo wants a password", "asked", "ALL=(ALL) ALL"), "sudo asks for a password"),
    unread("reading4", _user("not root, no sudo", "nobody1", spec="ssh://{user}@{name}"), "not as root"),
    unchanged("reading4", Fault("/tmp is noexec", "mount -t tmpfs -o noexec,nosuid,nodev lab /tmp", "umount /tmp")),
    case(
        "reading4",
        _conf("odd bytes in waagent.conf", f"printf '\\377\\376\\001 odd\\n# \\200\\n' >> {_CONF}"),
        *((control, E, "is no setting") for control in ("101", "102", "205", "206")),
    ),
    case(
        "reading5",
        _conf("a line of 1 MB in waagent.conf", f"head -c 1000000 /dev/zero | tr '\\0' x >> {_CONF}"),
        *((control, E, TOO_LARGE) for control in ("101", "102", "205", "206", "404", "405")),
    ),
    case(
        "reading5",
        Fault(
            "odd bytes in the host's name",
            """python3 -c 'import socket; socket.sethostname(b"h\\xff\\x80<b>")'""",
            "hostname reading5",
        ),
    ),
)

"""A Windows-like guest out of wine, behind a real sshd: `make lab-windows` (root, Debian)."""

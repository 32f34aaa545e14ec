"""Self-tests of `backup_compliance/network/`."""

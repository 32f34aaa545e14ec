"""Self-tests of `backup_compliance/fleet/`."""

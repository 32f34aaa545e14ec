"""Self-tests of `backup_compliance/guest/`."""

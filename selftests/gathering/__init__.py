"""Self-tests of `backup_compliance/gathering/`."""

"""Self-tests of `backup_compliance/catalogue/`."""

"""Self-tests of `backup_compliance/model/`."""

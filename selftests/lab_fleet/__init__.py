"""Guests in three networks that nothing joins, read by workers in each: `python -m selftests.lab_fleet` as root."""

"""Builders of test data, and stand-ins for what a test cannot have."""

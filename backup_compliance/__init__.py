"""Compliance suite for the documented preconditions of Azure VM Backup."""

__version__ = "0.1.0"

"""Asking Azure Resource Manager: clients, credentials, pace, queries, replies.

The only code that sends a request to ARM. Nothing enters that judges what a reply means for a backup.
"""

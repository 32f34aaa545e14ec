"""When backups start: policies, time zones, members per window, start collisions.

Pure: nothing enters that does I/O or knows which virtual machine a schedule belongs to.
"""

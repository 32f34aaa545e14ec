"""Hosts, connections and reading: the only code that touches a guest.

Nothing enters that judges what was read beyond "is this a whole reading".
"""

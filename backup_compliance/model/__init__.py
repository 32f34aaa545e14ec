"""The vocabulary that all rooms share: verdicts, recorded facts, lazy facts, sanitizing, typed access to ARM's JSON.

Nothing enters that imports another room of this package, opens a file or a socket, or knows pytest.
"""

"""From what the command line asks for to recorded facts: reading with progress, facts folders, merging, the newest agent release.

File I/O for facts lies here and nowhere else. Nothing enters that judges.
"""

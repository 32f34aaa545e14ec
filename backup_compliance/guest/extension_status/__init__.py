"""What the backup extension reports of its runs: the same text lies in the guest's files, in Windows' summary and in ARM.

Nothing enters that knows where the text came from; the rooms of both systems and of the platform take it from here.
"""

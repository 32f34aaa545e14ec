"""From facts to findings: subjects and their joins, selection, the run, verdicts per virtual machine, root causes.

Nothing enters that reads or writes anything, knows pytest, or renders a report.
"""

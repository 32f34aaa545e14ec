"""What is asked: controls, the baselines' severities and thresholds, exemptions, and how configuration files are read.

Nothing enters that knows a guest, a virtual machine or a finding.
"""

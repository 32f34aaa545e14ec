"""The Windows probe and everything that takes its output apart.

Pure but for the probe itself: nothing enters that connects to a guest or knows Linux.
"""

"""Figures as ratios to floors measured beside them, which mean something on any machine: `make bench`."""

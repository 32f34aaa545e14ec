"""The document of a run, and one module per format that it is written in.

HTML lies here and nowhere else. Nothing enters that judges, or reads facts.
"""

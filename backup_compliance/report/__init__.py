"""Findings, and one module per output format rendered from them."""

"""Simulated ALOS-1 PALSAR scenes of level 1.0 (raw signal in CEOS format)."""

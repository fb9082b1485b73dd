"""ALOS PALSAR scenes of level 1.0: their files, names and pairs."""

"""ALOS PALSAR scenes of level 1.0: files, names and pairs."""

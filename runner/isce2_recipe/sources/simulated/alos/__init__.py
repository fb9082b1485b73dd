"""ALOS-1 PALSAR level 1.0 scenes (CEOS raw signal), made from their names."""

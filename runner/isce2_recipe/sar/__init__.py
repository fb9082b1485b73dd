"""Radar geometry, orbits, and the annotation and burst grid of Sentinel-1."""

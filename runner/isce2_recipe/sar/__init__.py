"""Radar geometry and Sentinel-1's own formats: what the builtin engine and the simulated source share."""

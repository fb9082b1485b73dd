"""Sentinel-1 bursts that never were: real geometry and formats, simulated ground, known motion."""

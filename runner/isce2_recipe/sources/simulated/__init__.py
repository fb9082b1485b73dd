"""Simulated Sentinel-1 and ALOS data: real geometry and formats, simulated ground with known motion."""

"""Sentinel-1's files and names: which bursts make a pair, and SAFE folders cut from burst granules."""

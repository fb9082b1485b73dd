"""Sentinel-1 files and names: rules for pairs, and SAFE folders made from burst granules."""

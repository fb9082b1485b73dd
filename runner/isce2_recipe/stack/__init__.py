"""Stacks of Sentinel-1 dates: network, coregistration to one geometry, pairs, closure, inversion."""

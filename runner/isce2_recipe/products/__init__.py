"""Finished products: names, map grids, layers, side files and archives."""

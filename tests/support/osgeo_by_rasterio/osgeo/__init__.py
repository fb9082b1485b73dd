"""The part of GDAL's Python bindings that MintPy reads products with, on rasterio's GDAL.

The bindings have no wheel. Where the real ones are installed they are used instead.
"""

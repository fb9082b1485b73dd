"""Declarative InSAR recipes for ISCE2 and for the engine that comes with this package."""

__version__ = "0.1.0"

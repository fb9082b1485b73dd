"""Conversion of recipes for other services."""

"""Recipes in the words of other services."""

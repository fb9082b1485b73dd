"""The rules of the linter, each a small function, grouped by subject."""

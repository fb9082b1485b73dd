"""All rules, one small function each, grouped by subject."""

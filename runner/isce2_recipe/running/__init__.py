"""Carries a plan out: child processes, shared folders, records."""

"""The crash-safe record of a run: its journal, lock, file fingerprints and checkpoints."""

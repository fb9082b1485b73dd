"""What limits are called; light, for plans."""

LIMIT_NAMES = (
    "min_valid_fraction",
    "min_coherence",
    "max_residues_per_thousand",
    "max_jumps",
    "max_components",
    "max_seam_mm",
    "max_rms_mm",
    "max_wrong_cycles",
)

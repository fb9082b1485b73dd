"""An action, a source and an engine for isce2-recipe."""

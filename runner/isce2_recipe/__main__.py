"""Run ``python -m isce2_recipe``, which is the same as ``isce2-recipe``."""

import sys

from isce2_recipe.cli import main

if __name__ == "__main__":
    sys.exit(main())

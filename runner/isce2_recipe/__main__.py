"""``python -m isce2_recipe`` is ``isce2-recipe``."""

import sys

from isce2_recipe.cli import main

if __name__ == "__main__":
    sys.exit(main())

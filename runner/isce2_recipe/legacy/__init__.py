"""What users of hyp3-isce2 and of ISCE2's applications have, in our words."""

from isce2_recipe.legacy.applications import translate_xml
from isce2_recipe.legacy.lines import translate
from isce2_recipe.legacy.translation import Translation

__all__ = ["Translation", "translate", "translate_xml"]

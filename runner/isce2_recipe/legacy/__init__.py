"""Translation of hyp3-isce2 command lines and of ISCE2 application XML into recipes with parameters."""

from isce2_recipe.legacy.application_xml import translate_xml
from isce2_recipe.legacy.command_lines import translate
from isce2_recipe.legacy.translation import Translation

__all__ = ["Translation", "translate", "translate_xml"]

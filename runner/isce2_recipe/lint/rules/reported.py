"""Rules that reading and checking a recipe apply by themselves: id, severity, profile and documentation."""

from __future__ import annotations

from isce2_recipe.lint.rule import Profile, Rule
from isce2_recipe.problems import Severity

_REPORTED: dict[tuple[str, Severity, Profile], str] = {
    ("IR001", "error", "min"): """A key is unknown.

    Unknown keys are errors: otherwise a misspelt `timout` would leave a step without a time limit. `--fix`
    renames the key if it is similar to one known key.

        - id: dem
          uses: dem.fetch
          timout: 10 min     # timeout
    """,
    ("IR002", "error", "min"): """A required key is missing.

    A recipe needs `recipe`, `name` and `steps`; a step needs `id` and `uses`.
    """,
    ("IR003", "error", "min"): """A name is used twice.

    YAML readers silently keep the last of two equal keys. This rule also reports variables with the name of a
    parameter, and parameters and variables called `steps`, `run`, or as a word of expressions such as `none`.
    """,
    ("IR004", "error", "min"): """A section is empty.

    Fill in the section or remove it.
    """,
    ("IR005", "error", "min"): """A value is invalid.

    `schemas/recipe.schema.json` defines the valid values of each key; editors read this file too.
    """,
    ("IR007", "error", "min"): """A line is indented with a tab, or has an unresolved merge conflict.

    YAML does not allow tabs in indentation.
    """,
    ("IR008", "error", "min"): """The version of the recipe format is not supported.

    `recipe: 1` is the version of the format. Keys may be added to a version, but no key is removed or changes
    its meaning.
    """,
    ("IR009", "error", "min"): """The text is not valid YAML, or uses YAML features that recipes do not allow.

    Tags, several documents in one file, and aliases that expand without limit are not allowed. Each section
    that begins with a key in the first column is read separately, so that a mistake in one section does not
    hide mistakes in the following ones. Only the first mistake of each section is reported.
    """,
    ("IR010", "error", "min"): """A name has forbidden characters, or a step id is used twice or reserved.

    Names consist of lower-case letters, digits and `_`, and begin with a letter; the name of a recipe may
    also contain `-`. Step ids are folder names in the work directory, so each can be used only once.
    """,
    ("IR020", "error", "min"): """
    An expression has a syntax error, or uses something that recipes do not allow.

    The text between `{{` and `}}` is a Jinja2 expression with names, fields, items, comparisons, arithmetic
    and filters. Statements (`{% %}`), calls and access to Python's own attributes are not allowed in recipes.
    """,
    ("IR021", "error", "min"): """An expression, `needs` or `required` uses a name that does not exist.

    Expressions read parameters and variables by name, outputs as `steps.ID.OUTPUT`, and `run.source` and
    `run.engine`. The action of a step defines its outputs, so an unknown output is found before the run.
    """,
    ("IR022", "error", "min"): """
    A value is read before it is known, or steps depend on each other in a circle.

    A variable can read parameters and the variables above it. A step can read the outputs of all other steps
    that do not depend on it. Timeouts, retries and resources cannot read outputs of steps.
    """,
    ("IR023", "error", "basic"): """A value has another type than the input that it is passed to.

    The signatures of the actions define the types of inputs and outputs, and the schemas of parameters define
    theirs.
    """,
    ("IR026", "error", "basic"): """A default or example does not match the schema of its parameter.""",
    ("IR027", "error", "basic"): """A template uses a value that the step does not give.

    Rendering the template would fail.
    """,
    ("IR030", "error", "min"): """
    An action, a part or an input does not exist, or a required input is missing.

    Actions come with isce2-recipe and with plug-ins; `isce2-recipe doctor` lists the plug-ins. Parts are
    searched next to the recipe, then among the shipped recipes.
    """,
    ("IR032", "error", "sar"): """
    An XML file is not well-formed, or has a property that ISCE2 does not know, refuses or misunderstands.

    The template is rendered with the defaults of the parameters, and with sample values for outputs of steps.
    The message gives the place in the recipe, the template and the XML file; ISCE2 itself gives no line.

    `lint topsApp.xml` checks an XML file itself with its catalogues, which are searched in its folder.
    """,
    ("IR035", "error", "basic"): """A template does not exist, or cannot be read or filled in.

    Templates are searched in the folder `templates` next to the recipe, then in the package. Templates that
    include others name them by a constant text, and none includes itself. Macros cannot be called.
    """,
    ("IR039", "error", "basic"): """An action refuses its inputs.

    The inputs are constants, or made from defaults of parameters. A run with these values would fail before
    its first step.
    """,
    ("IR070", "error", "min"): """Two items of a loop have the same key.

    The key is the name of the instance and of its folder. By default it is the item itself, its `name`, `id`
    or `key`, or a short hash of it; `key` in the step gives another one.

        for_each: [{date: 20200604}, {date: 20200616}]
        key: "{{ item.date }}"
    """,
    ("IR071", "error", "min"): """All instances of a loop would write into one shared folder.

    They would wait for each other, and each would depend on those before it. Repeat a part instead: a shared
    folder of the steps of a part belongs to one instance.
    """,
    ("IR090", "warning", "basic"): """An ignore comment is no longer needed.

    Remove it, so that it does not hide another problem on its line; `--fix` does so. Comments about rules
    that are not selected are not reported.
    """,
    ("IR091", "error", "basic"): """An ignore comment names a rule that does not exist.""",
    ("IR092", "warning", "basic"): """A problem in the baseline no longer exists.

    Write a new baseline: delete the file and run with `--baseline FILE`.
    """,
    ("IR093", "info", "shared"): """An ignore comment has no reason.

    Write the reason after the brackets:

        looks: 20x5   # recipe: ignore[IR064] the sensor is not Sentinel-1
    """,
}
_FIXABLE = ("IR001", "IR090")

RULES = tuple(
    Rule(identifier, severity, profile, identifier in _FIXABLE, text, None)
    for (identifier, severity, profile), text in _REPORTED.items()
)

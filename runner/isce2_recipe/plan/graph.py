"""A recipe and its parts as one graph of steps, which grows when the items of a loop are known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError
from itertools import chain
from typing import Any, NoReturn

from isce2_recipe.actions.base import Action
from isce2_recipe.errors import RecipeError
from isce2_recipe.expressions import References, references
from isce2_recipe.plan.nodes import Instance, Node, StepScope, kind_of, loops_around, prefixes, with_ids
from isce2_recipe.plan.ready_queue import in_order
from isce2_recipe.problems import did_you_mean
from isce2_recipe.recipe.loading import recipe_error
from isce2_recipe.recipe.model import Recipe, Step
from isce2_recipe.recipe.scope import wrong_inputs

MAX_STEPS = 100_000
"""Most steps of a recipe with all parts unfolded and all loops expanded."""

_ITSELF = "="  # marks a loop that comes after its instances


class Graph:
    """The steps of a checked recipe and their order. It grows when the items of a loop become known.

    Making it raises RecipeError if steps wait for each other, or a shared folder has the name of a step.

    Attributes
    ----------
    recipe : Recipe
        The requested recipe.
    nodes : mapping
        Steps by id.
    needs : mapping
        Ids of the steps for which each step waits.
    folders : mapping
        Ids of the steps that work in each shared folder, in order.
    reads : mapping
        For a step that works elsewhere but reads files of shared folders: the number of steps that have
        worked in each of these folders by then.
    instances : mapping
        The instances of each loop whose items are known, in the order of the items.
    """

    def __init__(self, recipe: Recipe, actions: Mapping[str, Action]) -> None:
        self.recipe = recipe
        self.nodes: dict[str, Node] = {}
        self.needs: dict[str, tuple[str, ...]] = {}
        self.folders: dict[str, tuple[str, ...]] = {}
        self.reads: dict[str, dict[str, int]] = {}
        self.instances: dict[str, tuple[Instance, ...]] = {}
        self._actions = StepActions(actions)
        self._groups: dict[str, list[str]] = {}
        self._members: dict[str, list[str]] = {}
        self._inside: dict[str, list[str]] = {}
        self._order = self._add(list(unfold(StepScope(recipe), self._actions)), ())

    def _add(self, new: Sequence[Node], wait: Iterable[str]) -> list[str]:
        """Add steps of one recipe with all parts unfolded, which all wait for others; return their order."""
        nodes = {node.id: node for node in new}
        self.nodes |= nodes
        _check_folders(nodes)
        for name in nodes:
            for group in prefixes(name):
                self._groups.setdefault(group, []).append(name)
        needs = {name: {*_needs(node, self._groups), *wait} - {name} for name, node in nodes.items()}
        order = _sort(nodes, needs)
        self._serialise(order, needs)
        order = _sort(nodes, needs)
        for name in order:
            self.needs[name] = tuple(sorted(needs[name], key=self._index))
            self.nodes[name] = self.nodes.pop(name)  # in their order
        return order

    def _index(self, name: str) -> tuple[int, ...]:
        return self.nodes[name].index

    def _serialise(self, order: list[str], needs: dict[str, set[str]]) -> None:
        """Make the steps that work in a shared folder, and those that read it, wait in their order."""
        writers: dict[str, list[str]] = {}
        readers: dict[str, list[str]] = {}
        for name in order:
            own = self.nodes[name].folder
            read = {folder for other in needs[name] if (folder := self.nodes[other].folder) is not None}
            for folder in read - {own}:
                if folder not in writers:  # an outer recipe's, which the loop around this step reads
                    position = self._position_around(name, folder)
                    needs[name].add(self.folders[folder][position - 1])
                    self.reads.setdefault(name, {})[folder] = position
                    continue
                needs[name].add(writers[folder][-1])
                readers.setdefault(folder, []).append(name)
                self.reads.setdefault(name, {})[folder] = len(writers[folder])
            if own is not None:
                needs[name].update(writers.get(own, ())[-1:])
                needs[name].update(readers.pop(own, ()))
                needs[name].discard(name)
                writers.setdefault(own, []).append(name)
        self.folders |= {folder: tuple(names) for folder, names in writers.items()}

    def _position_around(self, name: str, folder: str) -> int:
        """Return how many steps have worked in a folder when the loop around a step begins."""
        known = (self.reads.get(loop, {}).get(folder) for loop in reversed(loops_around(name)))
        return next((one for one in known if one is not None), len(self.folders[folder]))

    def expand(self, loop: str, instances: Sequence[Instance]) -> list[Node]:
        """Add the steps of all instances of a loop, and let the loop wait for them; return the new steps.

        A loop is expanded once.
        """
        before = self.needs[loop]
        members: list[str] = []
        for number, instance in enumerate(instances):
            if len(self.nodes) > MAX_STEPS:
                what = f"the recipe has more than {MAX_STEPS:,} steps with all instances of its loops"
                raise RecipeError(what, hint=f"the loop '{loop}' has {len(instances):,} items: split the run")
            members += self._add_instance(instance, number)
        self.instances[loop] = tuple(instances)
        self._members[loop] = members
        self.needs[loop] = (*before, *members)
        return [self.nodes[name] for name in members]

    def _add_instance(self, instance: Instance, number: int) -> list[str]:
        node = self.nodes[instance.loop]
        new = unfold_one(node.scope.with_item(instance), node.step, self._actions, (*node.index, number))
        read = _reads(node.scope, node.step.for_each)
        lists = [name for name in self.needs[instance.loop] if name in read] if read else []
        self._inside[instance.id] = self._add(list(new), lists)
        return self._inside[instance.id]

    def locate(self, step: str, instances: Iterable[Instance]) -> Node:
        """Return a step, also in loops that are not expanded here.

        Parameters
        ----------
        step : str
            The step's id.
        instances : iterable of Instance
            The instances around it, the outermost first.
        """
        for instance in instances:
            if instance.id not in self._inside:
                self._add_instance(instance, len(self._inside))
        return self.nodes[step]

    def level(self, instance: Instance | None) -> Iterator[Node]:
        """Yield the steps of the recipe or of an instance of a part, loops in it as one node each."""
        return map(self.nodes.__getitem__, self._order if instance is None else self._inside[instance.id])

    def samples(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """Yield some steps and, in place of loops, the steps of one instance without an item."""
        for node in nodes:
            if node.is_loop:
                scope = node.scope.with_item(Instance(node.id, node.step.item, "", None))
                yield from self.samples(unfold_one(scope, node.step, self._actions, node.index))
            else:
                yield node

    def members(self, loop: str) -> list[str]:
        """Return the ids of the steps in all instances of an expanded loop."""
        return self._members[loop]

    def below(self, loop: str) -> Iterator[str]:
        """Yield the ids of the steps in all instances of an expanded loop, and in loops in them."""
        for name in self._members.get(loop, ()):
            yield name
            yield from self.below(name)

    def members_of(self, instance: Instance) -> list[str]:
        """Return the ids of the steps in an instance."""
        return self._inside[instance.id]

    def ordered(self, *, loops_first: bool = False) -> Iterator[Node]:
        """Yield the steps, each after everything it waits for; loops on request before their instances."""
        todo = [iter(self._order)]
        while todo:
            name = next(todo[-1], None)
            if name is None:
                todo.pop()
            elif name in self._members:
                itself, inside = [f"{_ITSELF}{name}"], self._members[name]
                todo.append(chain(itself, inside) if loops_first else chain(inside, itself))
            else:
                yield self.nodes[name.removeprefix(_ITSELF)]

    def descendants(self, start: Iterable[str]) -> set[str]:
        """Return some steps together with all that wait for them."""
        found = set(start)
        for node in self.ordered():
            if not found.isdisjoint(self.needs[node.id]):
                found.add(node.id)
        return found

    def ancestors(self, start: Iterable[str]) -> set[str]:
        """Return some steps together with all they wait for."""
        found = set(start)
        for node in reversed(list(self.ordered())):
            if node.id in found:
                found.update(self.needs[node.id])
        return found

    def select(self, name: str) -> list[str]:
        """Return the id of a step, or the ids of all steps of a part, a loop or an instance.

        The last names of an id are enough where they are unique, and a loop stands for all its instances. The
        steps of loops whose items are not known yet are not among them; see `pending`.

        Raise RecipeError if there is no such step, or more than one.
        """
        pattern = self.complete(name)
        found = [key for key in self.nodes if _fits(pattern, key)]
        if not found and not self.pending(pattern):
            self._refuse(name)
        return found

    def complete(self, name: str) -> str:
        """Return a name from a command line with the names of the parts and loops around it.

        Raise RecipeError if the recipe has no step of that name, or more than one.
        """
        name = with_ids(name)
        kind = kind_of(name)
        kinds = list(_kinds(self.recipe))
        found = [kind] if kind in kinds else [one for one in kinds if one.endswith(f"/{kind}")]
        if len(found) > 1:
            raise RecipeError(f"step '{name}' may be {' or '.join(found)}", hint="give the complete name")
        if not found:
            self._refuse(name)
        return found[0].removesuffix(kind) + name

    def _refuse(self, name: str) -> NoReturn:
        hint = did_you_mean(name, list(dict.fromkeys([*self.nodes, *self._groups, *_kinds(self.recipe)])))
        raise RecipeError(f"recipe {self.recipe.name} has no step '{name}'", hint=hint)

    def pending(self, pattern: str) -> list[str]:
        """Return the loops, whose items are not known yet, that may contain steps of a complete name."""
        loops = [name for name, node in self.nodes.items() if node.is_loop and name not in self.instances]
        return [name for name in loops if name != pattern and _may_contain(name, pattern)]

    def matching(self, pattern: str, names: Iterable[str]) -> list[str]:
        """Return those of some steps that a complete name means."""
        return [name for name in names if _fits(pattern, name)]


def _fits(pattern: str, step: str) -> bool:
    """Return whether a complete name means a step, or something around it."""
    wanted, parts = pattern.split("/"), step.split("/")
    pairs = zip(wanted, parts, strict=False)
    return len(parts) >= len(wanted) and all(one in (part, kind_of(part)) for one, part in pairs)


def _may_contain(loop: str, pattern: str) -> bool:
    """Return whether a loop may have an instance that a complete name means."""
    wanted, parts = pattern.split("/"), loop.split("/")
    if len(wanted) < len(parts) or kind_of(wanted[len(parts) - 1]) != parts[-1]:
        return False
    return all(one in (part, kind_of(part)) for one, part in zip(wanted, parts[:-1], strict=False))


def _kinds(recipe: Recipe, prefix: str = "") -> Iterator[str]:
    """Yield the ids of all steps, parts and loops of a recipe, without keys."""
    for step in recipe.steps:
        yield prefix + step.id
        if step.part is not None:
            yield from _kinds(step.part, f"{prefix}{step.id}/")


def _check_folders(nodes: Mapping[str, Node]) -> None:
    """Refuse a step whose own folder would be a shared folder."""
    shared = {node.folder for node in nodes.values()} - {None}
    for name, node in nodes.items() if shared else ():
        if node.folder is None and not shared.isdisjoint(prefixes(node.place)):
            recipe = node.scope.recipe
            message = f"step '{name}' has the name of a shared folder"
            problem = recipe.document.problem((*node.step.path, "id"), "IR053", message, advice="rename it")
            raise recipe_error((problem,), recipe.texts())


class StepActions:
    """The actions of steps, each with the step's own types, which are found once for all items of a loop."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = actions
        self._of_steps: dict[int, Action] = {}

    def of(self, scope: StepScope, step: Step) -> Action:
        """Return the action of a step of the scope's recipe.

        Raise RecipeError if the action finds something wrong with the step.
        """
        general = self._actions[step.uses]
        if general.for_step is None:
            return general
        if id(step) not in self._of_steps:
            found = general.of_step(step.with_, scope.recipe.path.absolute().parent)
            if isinstance(found, list):
                raise recipe_error(tuple(wrong_inputs(scope.recipe, step, found)), scope.recipe.texts())
            self._of_steps[id(step)] = found
        return self._of_steps[id(step)]


def unfold(scope: StepScope, actions: StepActions, start: tuple[int, ...] = ()) -> Iterator[Node]:
    """Yield the steps of a recipe and its parts; each loop is one node."""
    for position, step in enumerate(scope.recipe.steps):
        index = (*start, position)
        if step.for_each is None:
            yield from unfold_one(scope, step, actions, index)
        else:
            yield _loop(scope, step, actions, index)


def unfold_one(scope: StepScope, step: Step, actions: StepActions, index: tuple[int, ...]) -> Iterator[Node]:
    """Yield the node of a step, or the nodes of its part; of a loop, those of the instance in the scope."""
    if step.part is not None:
        yield from unfold(scope.inner(step, step.part), actions, index)
    else:
        read = _reads(scope, [step.with_, step.when]) | _conditions(scope)
        name = scope.prefix + step.id if scope.item is None else scope.item.id
        yield Node(name, step, actions.of(scope, step), scope, index, read)


def _loop(scope: StepScope, step: Step, actions: StepActions, index: tuple[int, ...]) -> Node:
    """Return the node of a loop, which reads all that its list and its instances read outside of them."""
    name = scope.prefix + step.id
    one = unfold_one(scope.with_item(Instance(name, step.item, "", None)), step, actions, index)
    inside = {node.id: node.reads for node in one}
    read = _reads(scope, step.for_each) | _conditions(scope) | frozenset(chain(*inside.values()))
    action = actions.of(scope, step) if step.part is None else PART
    return Node(name, step, action, scope, index, read - inside.keys(), is_loop=True)


def _repeat() -> None:
    """Repeat a part for every item of a list."""


PART = Action("for_each", 1, _repeat)
"""The action of loops over parts; it is never called."""


def actions_below(step: Step, actions: Mapping[str, Action]) -> Iterator[Action]:
    """Yield the actions that a step or the steps of its part use."""
    if step.part is None:
        yield actions[step.uses]
    for inner in step.part.steps if step.part is not None else ():
        yield from actions_below(inner, actions)


def _needs(node: Node, groups: Mapping[str, list[str]]) -> set[str]:
    """Return the steps a node reads, and those that it or a part around it names in ``needs``."""
    found = set(node.reads)
    scope: StepScope | None = node.scope
    via: Step | None = node.step
    while scope is not None and via is not None:
        for step in via.needs:
            found.update(groups.get(scope.prefix + step, ()))
        via = scope.via
        scope = scope.outer
    return found


def _reads(scope: StepScope, value: Any) -> frozenset[str]:
    """Return the steps on whose outputs a value depends, as if parts were written where they are used."""
    read = references(value)
    if not read.all:
        return frozenset()
    found: set[str] = set()
    for name in read.steps:
        step = scope.recipe.step(name)
        if step is None or step.part is None or step.for_each is not None:
            found.add(scope.prefix + name)
        else:
            inner = scope.inner(step, step.part)
            wanted = [step.part.outputs[output] for output in outputs_read(step.part, name, read)]
            found |= _reads(inner, wanted) | _reads(scope, step.when)
    if scope.outer is not None and scope.via is not None:
        names = scope.with_variables(read.names)
        whole = "record" in read.run and scope.home is not None  # which has the values of all parameters
        given = [item for name, item in scope.via.with_.items() if whole or name in names]
        found |= _reads(scope.outer, given)
    return frozenset(found)


def outputs_read(part: Recipe, step: str, read: References) -> list[str]:
    """Return the outputs of a part that are read from the step that uses it; all if it is read as a whole."""
    named = {output for name, output in read.outputs if name == step}
    return [output for output in part.outputs if output in named or "" in named]


def _conditions(scope: StepScope) -> frozenset[str]:
    """Return the steps that decide whether the parts around a step are used at all."""
    found: frozenset[str] = frozenset()
    while scope.outer is not None and scope.via is not None:
        found |= _reads(scope.outer, scope.via.when)
        scope = scope.outer
    return found


def _sort(nodes: Mapping[str, Node], needs: Mapping[str, set[str]]) -> list[str]:
    """Return the steps in order, each after everything it needs."""
    try:
        inside = {name: [other for other in needs[name] if other in nodes] for name in nodes}
        return in_order(inside, {name: node.index for name, node in nodes.items()})
    except CycleError as exc:
        circle = " > ".join(reversed(exc.args[1]))
        raise RecipeError(f"steps wait for each other in a circle: {circle}") from None

"""A field of a body that several chains of steps read is taken out of the body once, for all of them.

The chains begin at the same scan and differ in what they compute of a row before they come to its body: names of pods in one, nothing in another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from kafkascope.pxl.expr import Call, Column, Expr, Literal, columns, conjuncts, show, substitute
from kafkascope.pxl.plan import Filter, Graph, Node, Project, Scan
from kafkascope.pxl.rules.filters import conjunction
from kafkascope.pxl.rules.rebuild import hidden, over

#: Columns of ``kafka_events.beta`` that hold JSON of a known form.
BODIES = frozenset({"req_body", "resp"})
#: Ways to a body that are longer are left alone: each is walked once for every field that is read at its end.
_MOST_STEPS = 64


@dataclass(frozen=True, slots=True)
class _Site:
    """Where a chain of projections and filters, first the one over the scan, comes to a body: ``end`` reads its column ``name`` out of it."""

    scan: Scan
    steps: tuple[Project | Filter, ...]
    end: Project
    name: str
    #: The field, over the scan's columns.
    field: Call
    #: Body and key, as one name.
    path: str
    #: What the chain asks of columns of the scan before it reads the body.
    guards: tuple[Expr, ...]


def parse_once(roots: Sequence[Node], graph: Graph) -> list[Node]:
    """Every field that is read more than once of the same rows, read by a projection that all share."""
    order = graph.order(roots)
    sites = [site for node in order if isinstance(node, Project) and (site := _site(node)) is not None]
    alike: dict[object, list[_Site]] = defaultdict(list)
    for site in sites:
        alike[(id(site.scan), site.field, frozenset(site.guards))].append(site)
    shared = {id(site.end): site for group in alike.values() if len(group) > 1 for site in group}
    if not shared:
        return list(roots)
    done: dict[int, Node] = {}
    for node in order:
        site = shared.get(id(node))
        done[id(node)] = graph.add(over(node, tuple(done[id(child)] for child in node.inputs)) if site is None else _shared(site, graph))
    return [done[id(root)] for root in roots]


def _site(end: Project) -> _Site | None:
    fields = [(name, expr) for name, expr in end.items if isinstance(expr, Call) and expr.fn == "pluck" and isinstance(expr.args[0], Column)]
    if len(fields) != 1:
        return None
    steps: list[Project | Filter] = []
    below = end.input
    while isinstance(below, (Project, Filter)) and len(steps) < _MOST_STEPS:
        steps.append(below)
        below = below.input
    steps.reverse()
    if not isinstance(below, Scan) or below.table != "kafka_events.beta":
        return None
    # Columns of the scan by the names that they have at a step.
    names: dict[str, Expr] = dict(below.schema)
    guards: list[Expr] = []
    for step in steps:
        if isinstance(step, Filter):
            guards += [substitute(c, lambda column: names[column.name]) for c in conjuncts(step.condition) if _guards(c, names)]  # noqa: B023
        else:
            names = {name: names[expr.name] for name, expr in step.items if isinstance(expr, Column) and expr.name in names}
    name, field = fields[0]
    text, key = field.args
    body = names.get(text.name) if isinstance(text, Column) else None
    if not isinstance(body, Column) or body.name not in BODIES or not isinstance(key, Literal):
        return None
    whole = Call(field.fn, (body, key), field.type, field.semantic, field.nullable)
    return _Site(below, tuple(steps), end, name, whole, f"{body.name}.{key.value}", tuple(guards))


def _guards(condition: Expr, names: dict[str, Expr]) -> bool:
    return isinstance(condition, Call) and condition.fn == "equal" and all(isinstance(a, (Column, Literal)) for a in condition.args) and columns(condition) <= names.keys()


def _shared(site: _Site, graph: Graph) -> Node:
    """The end of the chain over the projection that all like it share."""
    taken = {name for node in (site.scan, *site.steps, site.end) for name in node.schema}
    name = hidden(site.path, taken)
    rows: Node = site.scan
    if site.guards:
        rows = graph.add(Filter(rows, conjunction(sorted(set(site.guards), key=show))))
    rows = graph.add(Project(rows, (*site.scan.schema.items(), (name, site.field))))
    column = rows.schema[name]
    for step in site.steps:
        rows = graph.add(Project(rows, (*step.items, (name, column))) if isinstance(step, Project) else Filter(rows, step.condition))
    return Project(rows, tuple((n, column if n == site.name else expr) for n, expr in site.end.items))

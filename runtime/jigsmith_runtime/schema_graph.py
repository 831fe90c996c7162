"""The subschemas of a JSON Schema as a graph, and what checking an instance against it can cost.

The validator is native code that follows every branch, so a small hostile schema could hold it for hours. Here the work is
counted first, pessimistically: every branch is taken, nothing is remembered. Knows JSON Schema 2020-12, not the validator.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from jigsmith_runtime.json_text import JsonValue

PATTERN_CHARS_MAX: Final = 512
EXPANDED_MAX: Final = 20_000
"""JSON nodes of a schema with every local $ref written out, as far as it does not recur."""

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_IN_PLACE: Final = ("not", "if", "then", "else")
_IN_PLACE_LISTS: Final = ("allOf", "anyOf", "oneOf")
_ANNOTATIONS: Final = {"title", "description", "default", "examples", "format", "$comment", "deprecated", "readOnly"}
"""Keywords that check nothing here."""
_DEFINITIONS: Final = ("$defs", "definitions")
_REFUSED: Final = {
    "$id": "leave it out: a schema stands for itself here",
    "$anchor": "refer to #/$defs/NAME instead",
    "$dynamicRef": "refer to #/$defs/NAME by $ref instead",
    "$dynamicAnchor": "refer to #/$defs/NAME instead",
    "$recursiveRef": "refer to # by $ref instead",
    "$recursiveAnchor": "refer to # by $ref instead",
    "$vocabulary": "leave it out",
    "unevaluatedItems": "use items: false after prefixItems instead",
    "unevaluatedProperties": "use additionalProperties instead",
    "dependencies": "use dependentRequired or dependentSchemas instead",
}


class SchemaError(ValueError):
    """A schema that is not accepted; the pointer says where."""

    def __init__(self, pointer: str, description: str) -> None:
        super().__init__(f"{pointer or '/'}: {description}")
        self.pointer = pointer
        self.description = description


@dataclass(slots=True, eq=False)
class Node:
    """One subschema: what it costs itself, and which others it applies to what. Frozen once the graph is built."""

    pointer: str
    weight: int = 1
    patterns: int = 0
    in_place: list["Node"] = field(default_factory=list)
    by_key: dict[str, "Node"] = field(default_factory=dict)
    by_index: list["Node"] = field(default_factory=list)
    each_value: list["Node"] = field(default_factory=list)
    each_item: list["Node"] = field(default_factory=list)
    each_key: list["Node"] = field(default_factory=list)
    all_of: list["Node"] = field(default_factory=list)
    """Those of `in_place` that must hold for this one to hold: $ref and allOf."""
    items: "Node | None" = None
    """The one of `each_item` that must hold for every item after prefixItems."""

    def parts(self) -> list["Node"]:
        """Return every subschema that is applied to the value or to a part of it."""
        return [
            *self.in_place,
            *self.by_key.values(),
            *self.by_index,
            *self.each_value,
            *self.each_item,
            *self.each_key,
        ]


@dataclass(frozen=True, slots=True)
class Graph:
    """A schema's root and what it can cost."""

    root: Node
    recursive: bool
    expanded: int
    """Weight with local references written out; of a recursive schema, one turn of each loop."""
    patterns: int


def build(schema: JsonValue) -> Graph:
    """Take a schema apart. Raises SchemaError for what is refused here; the validator finds what is malformed."""
    nodes: dict[str, Node] = {}
    references: list[tuple[Node, str]] = []
    root = _Builder(nodes, references).node(schema, "")
    for node, reference in references:
        target = nodes.get(_pointer_of(reference)) if reference.startswith("#") else None
        if target is None:
            raise SchemaError(f"{node.pointer}/$ref", "must be # or #/... and lead to a schema in this document")
        node.in_place.append(target)
        node.all_of.append(target)
    if (looping := _find_loop(nodes.values(), lambda node: node.in_place)) is not None:
        raise SchemaError(looping.pointer, "refers to itself without going into a value")
    recursive = _find_loop([root], Node.parts) is not None
    expanded, patterns = _expand(root)
    if expanded > EXPANDED_MAX:
        raise SchemaError("", f"is too large with its references written out (over {EXPANDED_MAX} parts)")
    return Graph(root, recursive, expanded, patterns)


def steps(root: Node, instance: JsonValue, most: int) -> int:
    """Count the subschemas met when checking an instance, by weight. Stops counting soon after `most`."""
    taken = 0
    stack: list[tuple[Node, JsonValue]] = [(root, instance)]
    while stack and taken <= most:
        node, value = stack.pop()
        taken += node.weight
        stack.extend((part, value) for part in node.in_place)
        if isinstance(value, dict):
            stack.extend((part, value[key]) for key, part in node.by_key.items() if key in value)
            stack.extend((part, inner) for part in node.each_value for inner in value.values())
            stack.extend((part, key) for part in node.each_key for key in value)
        elif isinstance(value, list):
            stack.extend(zip(node.by_index, value, strict=False))
            stack.extend((part, inner) for part in node.each_item for inner in value)
    return taken


class _Builder:
    def __init__(self, nodes: dict[str, Node], references: list[tuple[Node, str]]) -> None:
        self._nodes = nodes
        self._references = references

    def node(self, schema: JsonValue, pointer: str) -> Node:
        node = self._nodes[pointer] = Node(pointer)
        if isinstance(schema, bool):
            return node
        if not isinstance(schema, dict):
            raise SchemaError(pointer, "must be an object or a boolean")
        for keyword, value in schema.items():
            self._keyword(node, keyword, value, f"{pointer}/{escape(keyword)}")
        return node

    def _keyword(self, node: Node, keyword: str, value: JsonValue, at: str) -> None:  # noqa: C901, PLR0912 - one flat table
        if keyword in _REFUSED:
            raise SchemaError(at, f"{keyword} is not supported: {_REFUSED[keyword]}")
        if keyword == "$schema" and value not in (_DIALECT, _DIALECT + "#"):
            raise SchemaError(at, f"must be {_DIALECT} if it is given")
        if keyword == "$ref":
            if not isinstance(value, str):
                raise SchemaError(at, "must be a string")
            self._references.append((node, value))
        elif keyword == "properties":
            node.by_key = self._map(value, at)
        elif keyword == "patternProperties":
            node.each_value += self._map(value, at).values()
            node.patterns += sum(_checked_pattern(pattern, at) for pattern in _mapping(value, at))
        elif keyword == "additionalProperties":
            node.each_value.append(self.node(value, at))
        elif keyword == "propertyNames":
            node.each_key.append(self.node(value, at))
        elif keyword == "prefixItems":
            node.by_index = self._list(value, at)
        elif keyword == "contains":
            node.each_item.append(self.node(value, at))
        elif keyword == "items":
            node.items = self.node(value, at)
            node.each_item.append(node.items)
        elif keyword in _IN_PLACE:
            node.in_place.append(self.node(value, at))
        elif keyword in _IN_PLACE_LISTS:
            listed = self._list(value, at)
            node.in_place += listed
            node.all_of += listed if keyword == "allOf" else ()
        elif keyword == "dependentSchemas":
            node.in_place += self._map(value, at).values()
        elif keyword in _DEFINITIONS:
            self._map(value, at)
        elif keyword not in _ANNOTATIONS:
            if keyword == "pattern":
                node.patterns += _checked_pattern(value, at)
            node.weight += _size(value)

    def _map(self, value: JsonValue, at: str) -> dict[str, Node]:
        return {key: self.node(part, f"{at}/{escape(key)}") for key, part in _mapping(value, at).items()}

    def _list(self, value: JsonValue, at: str) -> list[Node]:
        if not isinstance(value, list):
            raise SchemaError(at, "must be an array of schemas")
        return [self.node(part, f"{at}/{index}") for index, part in enumerate(value)]


def escape(key: str) -> str:
    """Return a key as a token of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _pointer_of(reference: str) -> str:
    # Tokens are compared in the one escaped form that the builder writes.
    tokens = unquote(reference[1:]).split("/")
    return "/".join([tokens[0], *(escape(token.replace("~1", "/").replace("~0", "~")) for token in tokens[1:])])


def _mapping(value: JsonValue, at: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise SchemaError(at, "must be an object")
    return value


def _checked_pattern(pattern: JsonValue, at: str) -> int:
    if isinstance(pattern, str) and len(pattern) > PATTERN_CHARS_MAX:
        raise SchemaError(at, f"a pattern may have {PATTERN_CHARS_MAX} characters")
    return 1


def _size(value: JsonValue) -> int:
    if isinstance(value, dict):
        return 1 + sum(_size(part) for part in value.values())
    return 1 + sum(_size(part) for part in value) if isinstance(value, list) else 1


def _find_loop(starts: Iterable[Node], parts: Callable[[Node], list[Node]]) -> Node | None:
    """Return a node that is reached from itself, or None. Depth first, each edge once."""
    open_: set[int] = set()
    closed: set[int] = set()
    stack = [(node, False) for node in starts]
    while stack:
        node, closing = stack.pop()
        if closing:
            open_.remove(id(node))
            closed.add(id(node))
        elif id(node) in open_:
            return node
        elif id(node) not in closed:
            open_.add(id(node))
            stack.append((node, True))
            stack += [(part, False) for part in parts(node)]
    return None


def _expand(root: Node) -> tuple[int, int]:
    """Return weight and patterns of the schema with references written out; a reference into an open loop adds nothing."""
    done: dict[int, tuple[int, int]] = {}
    open_: set[int] = set()
    stack: list[tuple[Node, bool]] = [(root, False)]
    while stack:
        node, closing = stack.pop()
        if closing:
            parts = [done.get(id(part), (0, 0)) for part in node.parts()]
            done[id(node)] = (node.weight + sum(p[0] for p in parts), node.patterns + sum(p[1] for p in parts))
        elif id(node) not in done and id(node) not in open_:
            open_.add(id(node))
            stack.append((node, True))
            stack += [(part, False) for part in node.parts()]
    return done[id(root)]

"""JSON against a schema (2020-12), so that neither hostile schemas nor hostile values can stall or crash the process.

Native code does the checking, and it would recurse, backtrack and list errors without bound if it were let. So: values are
parsed with a depth cap, patterns run on a linear-time engine with a size cap, references stay in the document, formats are
not checked, and the work is counted before it is begun (`schema_graph`).
"""

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Final, Literal, TypedDict

import jsonschema_rs

from jigsmith_runtime.errors import Violation
from jigsmith_runtime.json_text import JsonTextError, JsonValue, parse
from jigsmith_runtime.schema_graph import Graph, Node, SchemaError, build, escape, steps

SCHEMA_BYTES_MAX: Final = 65_536
VIOLATIONS_MAX: Final = 16
STEPS_MAX: Final = 5_000_000
"""Parts of the schema met by parts of the value. Measured at 10 to 160 ns each."""
RECURSIVE_STEPS_MAX: Final = 100_000
"""The same for a recursive schema, where they are counted one by one in Python, about 0.3 µs each."""
LISTING_STEPS_MAX: Final = 5_000
"""The same while all errors are listed: 5 to 70 µs each."""
PATTERN_WORK_MAX: Final = 8_000_000
"""Patterns times characters. The engine is linear, with a factor that its size cap bounds."""
_REGEX_BYTES_MAX: Final = 131_072
_DESCRIPTION_CHARS_MAX: Final = 300


class _Settings(TypedDict):
    pattern_options: jsonschema_rs.RegexOptions
    validate_formats: bool
    offline: bool


_SETTINGS: Final = _Settings(
    pattern_options=jsonschema_rs.RegexOptions(size_limit=_REGEX_BYTES_MAX, dfa_size_limit=1 << 20),
    validate_formats=False,
    offline=True,
)


@dataclass(frozen=True, slots=True)
class Schema:
    """A schema that was accepted."""

    text: str
    value: dict[str, JsonValue] | bool
    graph: Graph
    validator: jsonschema_rs.Validator

    def violations(self, text: str, value: JsonValue) -> tuple[Violation, ...]:
        """Return at most 16 faults of a value, with JSON pointers; none if it fits. `text` is what it was parsed from."""
        if self._too_much(text, value):
            return (Violation("", "there is too much to check against this schema; send less"),)
        if self.validator.is_valid(value):
            return ()
        if steps(self.graph.root, value, LISTING_STEPS_MAX) <= LISTING_STEPS_MAX:
            return tuple(_violation(error) for error in islice(self.validator.iter_errors(value), VIOLATIONS_MAX))
        pieces = _Pieces(jsonschema_rs.validator_map_for(self.value, **_SETTINGS))
        pieces.search(self.graph.root, value, "")
        return tuple(pieces.found[:VIOLATIONS_MAX])

    def _too_much(self, text: str, value: JsonValue) -> bool:
        if self.graph.patterns * len(text) > PATTERN_WORK_MAX:
            return True
        if self.graph.recursive:
            return steps(self.graph.root, value, RECURSIVE_STEPS_MAX) > RECURSIVE_STEPS_MAX
        # Every element but the first follows a comma or a bracket, so this is an upper bound that costs nothing.
        parts = 1 + text.count(",") + text.count("[") + text.count("{")
        return self.graph.expanded * parts > STEPS_MAX


class _Pieces:
    """Finds which parts of a large value are at fault, without listing every error of the whole."""

    def __init__(self, validators: jsonschema_rs.ValidatorMap) -> None:
        self._validators = validators
        self.found: list[Violation] = []

    def search(self, node: Node, value: JsonValue, at: str) -> None:
        """Add the faults of a value that is known not to fit; the depth of values and schemas bounds the recursion."""
        if steps(node, value, LISTING_STEPS_MAX) <= LISTING_STEPS_MAX:
            validator = self._validators["#" + node.pointer]
            self.found += (_violation(e, at) for e in islice(validator.iter_errors(value), VIOLATIONS_MAX))
            return
        before = len(self.found)
        for part, inner, token in _parts(node, value):
            if len(self.found) < VIOLATIONS_MAX and not self._validators["#" + part.pointer].is_valid(inner):
                self.search(part, inner, at if token is None else f"{at}/{token}")
        if len(self.found) == before:
            self.found.append(Violation(at, "does not fit the schema"))


def _parts(node: Node, value: JsonValue) -> list[tuple[Node, JsonValue, str | None]]:
    """Return what must fit for the whole to fit, with the pointer's next token; the rest says nothing by itself."""
    found: list[tuple[Node, JsonValue, str | None]] = [(part, value, None) for part in node.all_of]
    if isinstance(value, dict):
        found += [(part, value[key], escape(key)) for key, part in node.by_key.items() if key in value]
    elif isinstance(value, list) and node.items is not None:
        rest = enumerate(value[len(node.by_index) :], len(node.by_index))
        found += [(node.items, inner, str(index)) for index, inner in rest]
    return found


def _violation(error: jsonschema_rs.ValidationError, at: str = "") -> Violation:
    pointer = at + "".join(f"/{escape(str(token))}" for token in error.instance_path)
    return Violation(pointer, error.message[:_DESCRIPTION_CHARS_MAX])


@lru_cache(maxsize=1_024)
def load(text: str, kind: Literal["parameters", "returns"]) -> Schema:
    """Return the schema in a text. Raises SchemaError with the pointer of the fault."""
    try:
        value = parse(text, SCHEMA_BYTES_MAX)
    except JsonTextError as error:
        raise SchemaError("", str(error)) from None
    if kind == "parameters" and not (isinstance(value, dict) and value.get("type") == "object"):
        raise SchemaError("/type", 'must be "object": arguments are an object')
    if not isinstance(value, dict | bool):
        raise SchemaError("", "must be an object or a boolean")
    graph = build(value)
    try:
        validator = jsonschema_rs.Draft202012Validator(value, **_SETTINGS)
    except jsonschema_rs.ValidationError as error:
        pointer = "".join(f"/{escape(str(token))}" for token in error.instance_path)
        raise SchemaError(pointer, error.message[:_DESCRIPTION_CHARS_MAX]) from None
    except ValueError as error:
        raise SchemaError("", str(error)[:_DESCRIPTION_CHARS_MAX]) from None
    return Schema(text, value, graph, validator)

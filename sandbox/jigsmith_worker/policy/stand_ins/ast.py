"""Stands for `ast`: a text can be parsed and its tree read, which is how people make calculators of what others type.

Nothing can be compiled here. The classes of nodes can be asked about and not called: they would take attributes of any name.
"""

import ast
from ast import literal_eval
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from jigsmith_worker.policy import type_question

SOURCE_CHARS_MAX: Final = 65_536

NODES: Final[list[str]] = [
    name
    for name, value in vars(ast).items()
    if isinstance(value, type) and issubclass(value, ast.AST) and not name.startswith("_") and value.__module__ == "ast"
]
globals().update({name: type_question.as_asked_for(getattr(ast, name)) for name in NODES})

__all__ = ["NodeVisitor", "dump", "iter_child_nodes", "iter_fields", "literal_eval", "parse", "unparse", "walk"]
__all__ += NODES  # noqa: PLE0605 - a list


def parse(source: str, filename: str = "<unknown>", mode: str = "exec") -> Any:  # noqa: ARG001 - there are no files
    """Return the tree of a text. Raises SyntaxError."""
    if not isinstance(source, str):
        raise TypeError("parse() is for a text")
    text = str.__str__(source)
    if len(text) > SOURCE_CHARS_MAX:
        raise ValueError(f"a source of more than {SOURCE_CHARS_MAX} characters")
    return ast.parse(text, mode="eval" if mode == "eval" else "exec")


def _node(value: Any) -> Any:
    """Return a node of the parser's. Raises TypeError for others, which could name any attribute as their fields."""
    if ast.AST not in type(value).__mro__ or type(value).__module__ != "ast":
        raise TypeError(f"expected an AST node, not {type(value).__name__}")
    return value


def dump(node: Any, annotate_fields: bool = True, include_attributes: bool = False, *, indent: Any = None) -> str:
    """Return a tree as text."""
    return ast.dump(_node(node), bool(annotate_fields), bool(include_attributes), indent=indent)


def unparse(node: Any) -> str:
    """Return a source that has this tree."""
    return ast.unparse(_node(node))


def iter_fields(node: Any) -> Iterator[tuple[str, Any]]:
    """Give the parts of a node, with their names: those of its class, whatever the node says."""
    for name in type(_node(node))._fields:
        if hasattr(node, name):
            yield name, getattr(node, name)


def iter_child_nodes(node: Any) -> Iterator[Any]:
    """Give the nodes right below a node."""
    for _, part in iter_fields(node):
        yield from (one for one in (part if type(part) is list else [part]) if isinstance(one, ast.AST))


def walk(node: Any) -> Iterator[Any]:
    """Give a node and all below it."""
    waiting = deque([_node(node)])
    while waiting:
        node = waiting.popleft()
        waiting.extend(iter_child_nodes(node))
        yield node


class NodeVisitor:
    """Calls its method `visit_Name` for a node of the class Name, and so on."""

    def visit(self, node: Any) -> Any:
        """Visit a node."""
        visitor = getattr(self, f"visit_{type(_node(node)).__name__}", self.generic_visit)
        return visitor(node)

    def generic_visit(self, node: Any) -> Any:
        """Visit what is below a node."""
        for child in iter_child_nodes(node):
            self.visit(child)


NodeVisitor.__module__ = "ast"

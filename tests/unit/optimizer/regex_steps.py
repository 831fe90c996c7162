"""How much work a regular expression makes, counted: a backtracking matcher that does what Python's does, step by step.

A clock says little on a busy machine. Steps are the same everywhere, and tell a linear pattern from one that is not.
"""

import re
from collections.abc import Iterator
from re import _constants as op
from re import _parser as parser


class TooManyStepsError(Exception):
    """The pattern takes more steps than it was allowed."""


_SINGLE = (op.LITERAL, op.NOT_LITERAL, op.ANY, op.IN)


class _Matcher:
    def __init__(self, pattern: str, flags: int, text: str, most: int) -> None:
        self.tree = parser.parse(pattern, flags)
        self.ignore_case = bool(self.tree.state.flags & re.IGNORECASE)
        self.flags = self.tree.state.flags
        self.text, self.most, self.steps = text, most, 0

    def count(self) -> None:
        self.steps += 1
        if self.steps > self.most:
            raise TooManyStepsError(self.steps)

    def sequence(self, items: list, index: int, at: int) -> Iterator[int]:
        """Yield each place where the items from an index on can end, in the order of backtracking."""
        if index == len(items):
            yield at
            return
        for end in self.item(*items[index], at):
            yield from self.sequence(items, index + 1, end)

    def item(self, kind: object, given: object, at: int) -> Iterator[int]:
        self.count()
        if kind in _SINGLE:
            if at < len(self.text) and self.one(kind, given, self.text[at]):
                yield at + 1
        elif kind is op.SUBPATTERN:
            yield from self.sequence(list(given[-1]), 0, at)
        elif kind is op.BRANCH:
            for branch in given[1]:
                yield from self.sequence(list(branch), 0, at)
        elif kind in _REPEATS:
            yield from _REPEATS[kind](self, given[0], given[1], list(given[2]), at)
        elif self.holds(kind, given, at):
            yield at

    def holds(self, kind: object, given: object, at: int) -> bool:
        """Return whether something without a length is so."""
        if kind is op.AT:
            return self.boundary(given, at)
        direction, items = given  # what is looked for behind a place is one character long, in these patterns
        start = at if direction > 0 else at - 1
        found = start >= 0 and any(True for _ in self.sequence(list(items), 0, start))
        return found is (kind is op.ASSERT)

    def greedy(self, low: int, high: int, items: list, at: int) -> Iterator[int]:
        if len(items) == 1 and items[0][0] in _SINGLE:
            end = at
            while end - at < high and end < len(self.text) and self.one(*items[0], self.text[end]):
                self.count()
                end += 1
            for place in range(end, at + low - 1, -1):
                self.count()
                yield place
            return
        if high:
            for end in self.sequence(items, 0, at):
                if end != at:
                    yield from self.greedy(max(0, low - 1), high - 1, items, end)
        if low == 0:
            yield at

    def lazy(self, low: int, high: int, items: list, at: int) -> Iterator[int]:
        if low == 0:
            yield at
        if high:
            for end in self.sequence(items, 0, at):
                yield from self.lazy(max(0, low - 1), high - 1, items, end)

    def possessive(self, low: int, high: int, items: list, at: int) -> Iterator[int]:
        end, times = at, 0
        while times < high and (found := next(self.sequence(items, 0, end), None)) not in (None, end):
            end, times = found, times + 1
        if times >= low:
            yield end

    def one(self, kind: object, given: object, character: str) -> bool:
        if kind is op.ANY:
            return bool(self.flags & re.DOTALL) or character != "\n"
        if kind is op.IN:
            negated = given[0][0] is op.NEGATE
            return any(self.in_set(one, character) for one in given[negated:]) is not negated
        same = chr(given) == character or (self.ignore_case and chr(given).casefold() == character.casefold())
        return same is (kind is op.LITERAL)

    def in_set(self, one: tuple, character: str) -> bool:
        kind, given = one
        if kind is op.LITERAL:
            return chr(given) == character
        if kind is op.RANGE:
            return given[0] <= ord(character) <= given[1]
        digit, space, word = character.isdecimal(), character.isspace(), character.isalnum() or character == "_"
        return {
            op.CATEGORY_DIGIT: digit, op.CATEGORY_SPACE: space, op.CATEGORY_WORD: word,
            op.CATEGORY_NOT_DIGIT: not digit, op.CATEGORY_NOT_SPACE: not space, op.CATEGORY_NOT_WORD: not word,
        }[given]  # fmt: skip

    def boundary(self, given: object, at: int) -> bool:
        lines = self.flags & re.MULTILINE
        word = [
            0 <= index < len(self.text) and (self.text[index].isalnum() or self.text[index] == "_")
            for index in (at - 1, at)
        ]
        return {
            op.AT_BEGINNING: at == 0 or bool(lines and self.text[at - 1] == "\n"),
            op.AT_END: at == len(self.text) or (lines and self.text[at] == "\n") or self.text[at:] == "\n",
            op.AT_BOUNDARY: word[0] != word[1],
        }[given]


_REPEATS = {
    op.MAX_REPEAT: _Matcher.greedy,
    op.MIN_REPEAT: _Matcher.lazy,
    op.POSSESSIVE_REPEAT: _Matcher.possessive,
}


def steps(pattern: str, flags: int, text: str, *, most: int = 10**9, anchored: bool = False) -> int:
    """Return the steps to find all matches in a text, from left to right, or if it is anchored one at its beginning.

    Raises TooManyStepsError beyond `most`.
    """
    matcher = _Matcher(pattern, flags, text, most)
    items, at = list(matcher.tree), 0
    while at <= len(text):
        end = next(matcher.sequence(items, 0, at), None)
        if anchored:
            break
        at = at + 1 if end is None or end == at else end
    return matcher.steps


def size(pattern: str, flags: int) -> int:
    """Return how many parts a pattern has: what a linear one may take at each character."""

    def parts(value: object) -> int:
        if isinstance(value, parser.SubPattern):
            return sum(1 + parts(given) for _, given in value)
        return sum(map(parts, value)) if isinstance(value, list | tuple) else 0

    return 1 + parts(parser.parse(pattern, flags))

"""Whether two answers of mathematics are equal: `math_equal(wanted, given)`. Runs in a sandbox, in the profile `scientific`.

Texts are read by a parser of LaTeX and plain notation, which builds exact values and evaluates no Python.
"""

import re

import sympy

WORDS = {
    "sqrt": sympy.sqrt, "sin": sympy.sin, "cos": sympy.cos, "tan": sympy.tan, "cot": sympy.cot, "sec": sympy.sec,
    "csc": sympy.csc, "arcsin": sympy.asin, "arccos": sympy.acos, "arctan": sympy.atan, "log": sympy.log,
    "ln": sympy.log, "exp": sympy.exp,
}  # fmt: skip
CONSTANTS = {"pi": sympy.pi, "infty": sympy.oo, "inf": sympy.oo, "infinity": sympy.oo, "i": sympy.I, "e": sympy.E}
IGNORED = {"left", "right", "displaystyle", "quad", "qquad", "big", "Big", "bigl", "bigr", "limits", "mathrm", "rm"}
UNITS = (  # one that begins another stands behind it: what is matched is not given back
    "degrees?|dollars?|cents?|units?|square|cubic|inch(?:es)?|feet|foot|ft|cm|mm|km|kg|miles?|meters?|hours?|minutes?|"
    "seconds?|days?|weeks?|years?|percent|points?|ways?|people|students?|pounds?|ounces?|grams?|mph|sq|per|and|or|m"
)
TOKEN = re.compile(r"\s*(\\[a-zA-Z]+|\\.|\d+(?:\.\d+)?|\.\d+|\*\*|[a-zA-Z]+|.)", re.DOTALL)
EXPONENT_MAX = 10_000


class Unreadable(Exception):
    """The text is no expression."""


def cleaned(text):
    """Return a text without what does not change its value."""
    text = text.strip().strip(".").replace("\\$", "").replace("$", "").replace("\\!", "").replace("\\,", " ")
    text = re.sub(r"(?<!\\)\\[; ]", " ", text).replace("~", " ").replace("\u2212", "-").replace("\u00b0", "")
    text = text.replace("\u03c0", "\\pi ").replace("\u221e", "\\infty ").replace("\u221a", "\\sqrt")
    text = " ".join(text.split())  # then no pattern has a run of blanks to take apart
    text = re.sub(r"\\[dtc]frac", r"\\frac", text)
    text = re.sub(r"\^ ?\{? ?\\circ ?\}?|\\degree", "", text)
    text = text.replace("\\%", "").replace("%", "")
    text = (
        re.sub(r"(?<=\d)\{?,\}?\s?(?=\d{3}(?!\d))", "", text)
        if not re.match(r"^\s*[\(\[\\]", text)
        else text.replace("{,}", "")
    )
    text = re.sub(
        r"\\(?:text|mbox|textbf|mathrm|textit)\s*\{(?:" + UNITS + r"|\s|\.|\^?\d)*+\}(?:\^\{?\d\}?)?", " ", text
    )
    text = re.sub(r"\\(?:text|mbox|textbf|mathrm|mathbf|textit)\s*\{([^{}]*)\}", r" \1 ", text)
    text = " ".join(text.split())
    text = re.sub(r"(?<=[\d\)\}]) ?(?:" + UNITS + r")(?: (?:" + UNITS + r"))* ?(?:\^\{?\d\}?)? ?\.? ?$", "", text)
    text = re.sub(r"_\{?(?:2|3|4|5|6|7|8|9|1\d)\}?$", lambda found: found.group(0), text)
    return text.strip()


def plain(text):
    """Return a text as it is compared when it is no expression."""
    text = re.sub(r"\\(?:left|right|displaystyle)(?![a-zA-Z])", "", cleaned(text))
    text = re.sub(r"[{}\s]", "", text)
    found = re.fullmatch(r"\(([A-Za-z])\)", text)
    return (found.group(1) if found else text).casefold()


def parts(text, separators):
    """Split a text where it is not within brackets."""
    found, depth, start, index = [], 0, 0, 0
    while index < len(text):
        one = text[index]
        if one == "\\" and index + 1 < len(text) and text[index + 1] in "{}":
            depth += 1 if text[index + 1] == "{" else -1
            index += 2
            continue
        if one in "([{":
            depth += 1
        elif one in ")]}":
            depth -= 1
        elif depth == 0:
            for separator in separators:
                if text.startswith(separator, index):
                    found.append(text[start:index])
                    start = index + len(separator)
                    index = start - 1
                    break
        index += 1
    found.append(text[start:])
    return [one.strip() for one in found]


class Parser:
    """Reads one expression."""

    def __init__(self, text):
        tokens = []
        for one in TOKEN.findall(text):
            if one.startswith("\\") and one[1:] in IGNORED:
                continue
            if one.isalpha() and one not in WORDS and one not in CONSTANTS:
                tokens.extend(one)
            elif one.strip():
                tokens.append(one)
        self.tokens = tokens
        self.at = 0

    def peek(self):
        """Return the next token, or an empty text at the end."""
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted):
        """Take the next token if it is wanted."""
        if self.peek() in wanted and self.peek():
            self.at += 1
            return self.tokens[self.at - 1]
        return ""

    def need(self, wanted):
        """Take a token that must be there."""
        if not self.take(wanted):
            raise Unreadable

    def whole(self):
        """Return the expression that all the tokens are."""
        value = self.sum()
        if self.peek():
            raise Unreadable
        return value

    def sum(self):
        """Read terms."""
        value = self.product()
        while True:
            sign = self.take("+", "-")
            if not sign:
                return value
            term = self.product()
            value = value + term if sign == "+" else value - term

    def product(self):
        """Read factors; those that stand side by side are multiplied."""
        sign = 1
        while True:
            one = self.take("+", "-")
            if not one:
                break
            sign = -sign if one == "-" else sign
        value = self.power()
        while True:
            if self.take("*", "\\cdot", "\\times"):
                value = value * self.signed()
            elif self.take("/", "\\div"):
                value = value / self.signed()
            elif self.begins():
                before = self.tokens[self.at - 1]
                fraction = self.peek() == "\\frac" and before.isdigit() and value.is_Integer
                factor = self.power()
                # 2\frac{1}{3} is the mixed number that school writes so
                value = value + factor if fraction and factor.is_Rational and 0 < factor < 1 else value * factor
            else:
                return sign * value

    def signed(self):
        """Read a factor with its sign."""
        return -self.signed() if self.take("-") else self.power()

    def begins(self):
        """Return whether a factor begins here."""
        one = self.peek()
        return bool(one) and (
            one[0].isalnum() or one in ("(", "{", "[", "|") and one != "|" or one.startswith(".")
            or one in ("\\frac", "\\sqrt", "\\pi", "\\infty", "\\binom", "\\{", "\\alpha", "\\theta", "\\beta", "\\lambda")
            or (one.startswith("\\") and one[1:] in WORDS)
        )  # fmt: skip

    def power(self):
        """Read a base and its exponent."""
        value = self.atom()
        while True:
            if self.take("^", "**"):
                exponent = self.group() if self.peek() == "{" else self.signed_atom()
                if exponent.is_number and abs(exponent) > EXPONENT_MAX:
                    raise Unreadable
                value = value**exponent
            elif self.take("!"):
                if not value.is_Integer or not 0 <= value <= 100:
                    raise Unreadable
                value = sympy.factorial(value)
            else:
                return value

    def signed_atom(self):
        """Read an exponent without braces."""
        return -self.signed_atom() if self.take("-") else self.power()

    def group(self):
        """Read what is in braces."""
        self.need("{")
        value = self.sum()
        self.need("}")
        return value

    def argument(self):
        """Read an argument of a command: in braces, or one token, of a number one digit."""
        if self.peek() == "{":
            return self.group()
        one = self.peek()
        if one.isdigit() and len(one) > 1:
            self.tokens[self.at : self.at + 1] = list(one)
        return self.atom()

    def atom(self):
        """Read a number, a letter, a bracket or a command."""
        one = self.peek()
        self.at += 1
        if not one:
            raise Unreadable
        if one[0].isdigit() or (one[0] == "." and len(one) > 1):
            return sympy.Rational(one)
        name = one.removeprefix("\\")
        if name == "frac":
            above = self.argument()
            return above / self.argument()
        if name == "binom":
            above = self.argument()
            return sympy.binomial(above, self.argument())
        if name == "sqrt":
            return self.root()
        if name in WORDS:
            return self.applied(name)
        if name in CONSTANTS:
            return CONSTANTS[name]
        if one in ("(", "[", "{"):
            value = self.sum()
            self.need({"(": ")", "[": "]", "{": "}"}[one])
            return value
        if one == "|":
            value = self.sum()
            self.need("|")
            return sympy.Abs(value)
        if name.isalpha():
            if self.take("_"):
                index = self.argument()
                return sympy.Symbol(name + "_" + str(index))
            return sympy.Symbol(name)
        raise Unreadable

    def root(self):
        """Read a root and its degree."""
        degree = sympy.Integer(2)
        if self.take("["):
            degree = self.sum()
            self.need("]")
        return self.argument() ** (1 / degree)

    def applied(self, name):
        """Read a function's argument; its power may stand before it, and so may a logarithm's base."""
        base, exponent = None, None
        while True:
            if self.take("_"):
                base = self.argument()
            elif self.take("^"):
                exponent = self.argument()
            else:
                break
        value = self.group() if self.peek() == "{" else self.power()
        result = sympy.log(value, base) if base is not None else WORDS[name](value)
        return result if exponent is None else result**exponent


def read(text):
    """Return the value of a text. Raises Unreadable."""
    return Parser(text).whole()


def same_value(wanted, given):
    """Return whether two texts are expressions of one value."""
    try:
        first, second = read(wanted), read(given)
    except (Unreadable, TypeError, ValueError, ZeroDivisionError, AttributeError, IndexError):
        return False
    if first == second:
        return True
    difference = first - second
    symbols = sorted(first.free_symbols | second.free_symbols, key=str)
    if len(symbols) > 6 or first.has(sympy.oo) or second.has(sympy.oo):
        return False
    for point in (2, 3, 5):
        at = {one: sympy.Rational(point * (number + 2) + 1, 7) for number, one in enumerate(symbols)}
        found = sympy.N(difference.subs(at), 30)
        scale = max(1, abs(sympy.N(first.subs(at), 30)))
        if not found.is_number or not abs(found) < sympy.Float("1e-9") * scale:
            return decimal(wanted, given)
    return True


def decimal(wanted, given):
    """Return whether a decimal fraction is the value, rounded to the digits that it has (three behind the point at least)."""
    for one, other in ((given, wanted), (wanted, given)):
        found = re.fullmatch(r"-?\d*\.(\d{3,})", one.strip())
        if found:
            try:
                value = sympy.N(read(other), 30)
            except (Unreadable, TypeError, ValueError, ZeroDivisionError, AttributeError):
                return False
            return bool(
                value.is_real
                and abs(value - sympy.Rational(one.strip())) <= sympy.Rational(1, 2 * 10 ** len(found.group(1)))
            )
    return False


def bracketed(text):
    """Return the brackets around a whole text and what is in them, or None."""
    text = re.sub(r"\\(?:left|right|big|Big|bigl|bigr)(?![a-zA-Z])", "", text).strip()
    for opening, closing in (("\\{", "\\}"), ("(", ")"), ("[", "]"), ("(", "]"), ("[", ")")):
        if text.startswith(opening) and text.endswith(closing) and len(text) > len(opening):
            inner = text[len(opening) : len(text) - len(closing)]
            depth = 0
            for one in inner:
                depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(one, 0)
                if depth < 0:
                    break
            if depth == 0:
                return opening, closing, inner
    return None


def unordered(wanted, given):
    """Return whether two lists hold the same, in whatever order."""
    if len(wanted) != len(given):  # before a list of thousands is compared with each of the other
        return False
    left = list(given)
    for one in wanted:
        match = next((other for other in left if equal(one, other)), None)
        if match is None:
            return False
        left.remove(match)
    return not left


def expanded(text):
    """Return both values of a text with plus-minus, or the one that it is."""
    if "\\pm" not in text:
        return [text]
    return [text.replace("\\pm", "+", 1), text.replace("\\pm", "-", 1)]


def matrix(text):
    """Return the rows of a matrix, or None."""
    found = re.fullmatch(r"\\begin\{[bpv]?matrix\}(.*)\\end\{[bpv]?matrix\}", text.strip(), re.DOTALL)
    if not found:
        return None
    rows = [row for row in found.group(1).split("\\\\") if row.strip()]
    return [[cell.strip() for cell in row.split("&")] for row in rows]


def equal(wanted, given):
    """Return whether two cleaned texts mean the same."""
    if plain(wanted) == plain(given):
        return True
    rows = matrix(wanted), matrix(given)
    if rows[0] is not None or rows[1] is not None:
        return (
            None not in rows
            and [len(row) for row in rows[0]] == [len(row) for row in rows[1]]
            and all(equal(a, b) for left, right in zip(*rows) for a, b in zip(left, right))
        )
    for separator in ("\\cup", "\\text{or}", " or ", " and "):
        if separator in wanted or separator in given:
            left, right = parts(wanted, (separator,)), parts(given, (separator,))
            if len(left) > 1 or len(right) > 1:
                return unordered(values(left), values(right))
    wanted, given = (re.sub(r"^\s*[a-zA-Z]\s*\\in(?![a-zA-Z])\s*", "", text) for text in (wanted, given))
    found = bracketed(wanted), bracketed(given)
    lists = [parts(one[2], (",", ";")) if one else [] for one in found]
    if (
        len(lists[0]) > 1
        or len(lists[1]) > 1
        or (found[0] and found[0][0] == "\\{")
        or (found[1] and found[1][0] == "\\{")
    ):
        if None in found and len(lists[0] or lists[1]) > 1 and (found[0] or found[1])[0] == "\\{":
            given_list = parts(given if found[1] is None else wanted, (",",))
            return unordered(lists[0] or lists[1], given_list)
        if None in found or found[0][:2] != found[1][:2] or len(lists[0]) != len(lists[1]):
            return False
        if found[0][0] == "\\{":
            return unordered(values(lists[0]), values(lists[1]))
        return all(equal(one, other) for one, other in zip(*lists))
    left, right = values(parts(wanted, (",", ";"))), values(parts(given, (",", ";")))
    if len(left) > 1 or len(right) > 1:
        return unordered(left, right)
    left, right = parts(wanted, ("=",)), parts(given, ("=",))
    if len(left) == 2 and len(right) == 2:
        return same_equation(left, right)
    if len(left) == 2 and re.fullmatch(r"[a-zA-Z](?:_\{?\w+\}?)?(?:\([a-z]\))?", left[0]):
        return equal(left[1], given)
    if len(right) == 2 and re.fullmatch(r"[a-zA-Z](?:_\{?\w+\}?)?(?:\([a-z]\))?", right[0]):
        return equal(wanted, right[1])
    left, right = parts(wanted, (":",)), parts(given, (":",))
    if len(left) == len(right) > 1:
        return all(equal(one, other) for one, other in zip(left, right))
    return same_value(wanted, given)


def values(texts):
    """Return a list with both values of each plus-minus."""
    return [one for text in texts for one in expanded(text)]


def same_equation(wanted, given):
    """Return whether two equations have the same solutions, as far as a common factor shows it."""
    try:
        first, second = read(wanted[0]) - read(wanted[1]), read(given[0]) - read(given[1])
        if first == 0 or second == 0:
            return False
        return bool(sympy.simplify(first / second).is_number)
    except (Unreadable, TypeError, ValueError, ZeroDivisionError, AttributeError):
        return False


def math_equal(wanted, given):
    """Return whether two answers are mathematically equal."""
    try:
        return bool(equal(cleaned(wanted), cleaned(given)))
    except (RecursionError, OverflowError):  # brackets without end, numbers beyond reason
        return False

"""What the policy's guards cost: ordinary programs as they are, and as the policy gate compiles them, in turns.

`python -m benchmarks.policy_slowdown` prints, as JSON, how many times longer each takes behind the gate.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from jigsmith_worker import policy

_ROUNDS = 15
_ROUND_MS = 8.0

PROGRAMS = {
    "primes by a sieve": """
def f():
    sieve = [True] * 2000
    for i in range(2, 45):
        if sieve[i]:
            for j in range(i * i, 2000, i):
                sieve[j] = False
    return sum(sieve)
""",
    "recursive Fibonacci": """
def f():
    def fib(n):
        return n if n < 2 else fib(n - 1) + fib(n - 2)
    return fib(15)
""",
    "word count": """
TEXT = "the quick brown fox jumps over the lazy dog and the cat " * 20
def f():
    counts = {}
    for word in TEXT.split():
        counts[word] = counts.get(word, 0) + 1
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
""",
    "augmented items": """
def f():
    histogram = [0] * 16
    for i in range(3000):
        histogram[i % 16] += i
    return histogram
""",
    "matrix product": """
def f():
    n = 14
    a = [[i * j % 7 for j in range(n)] for i in range(n)]
    return [[sum(a[i][k] * a[k][j] for k in range(n)) for j in range(n)] for i in range(n)]
""",
    "a class with state": """
class Account:
    def __init__(self, owner):
        self.owner = owner
        self._balance = 0
        self.history = []
    def deposit(self, amount):
        self._balance += amount
        self.history.append(amount)
    def __repr__(self):
        return f"{self.owner}: {self._balance}"
def f():
    account = Account("a")
    for i in range(500):
        account.deposit(i)
    return repr(account)
""",
    "dataclasses": """
from dataclasses import dataclass
@dataclass
class Point:
    x: float
    y: float
    def distance(self, other):
        return ((self.x - other.x) ** 2 + (self.y - other.y) ** 2) ** 0.5
def f():
    points = [Point(i, i * 2 % 11) for i in range(60)]
    return max(a.distance(b) for a in points for b in points[:10])
""",
    "generators": """
def chunks(items, size):
    for start in range(0, len(items), size):
        yield items[start:start + size]
def f():
    return [sum(chunk) for chunk in chunks(list(range(3000)), 7)]
""",
    "binary search": """
def search(items, wanted):
    low, high = 0, len(items)
    while low < high:
        middle = (low + high) // 2
        if items[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low
def f():
    items = list(range(0, 10000, 3))
    return [search(items, n) for n in range(0, 10000, 61)]
""",
    "longest common subsequence": """
def f():
    a, b = "ACGTACGTTAGCTAGCTTACG" * 2, "TTAGCATCGGATCTACGATCA" * 2
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a, 1):
        for j, y in enumerate(b, 1):
            table[i][j] = table[i-1][j-1] + 1 if x == y else max(table[i-1][j], table[i][j-1])
    return table[-1][-1]
""",
    "quicksort": """
def quicksort(items):
    if len(items) < 2:
        return items
    pivot = items[len(items) // 2]
    return (quicksort([x for x in items if x < pivot]) + [x for x in items if x == pivot]
            + quicksort([x for x in items if x > pivot]))
def f():
    return quicksort([i * 7919 % 1009 for i in range(400)])
""",
    "regular expressions": """
import re
LOG = "".join(f"2024-01-{d:02d} user{d} spent {d * 3.5} EUR\\n" for d in range(1, 29))
def f():
    return [(m.group(1), float(m.group(2))) for m in re.finditer(r"(user\\d+) spent ([\\d.]+)", LOG)]
""",
    "JSON there and back": """
import json
ROWS = [{"id": i, "tags": ["a", "b"], "value": i / 3} for i in range(60)]
def f():
    return len(json.dumps(json.loads(json.dumps(ROWS))))
""",
    "dates": """
from datetime import date, timedelta
def f():
    day, found = date(2024, 1, 1), 0
    while day.year == 2024:
        found += day.weekday() < 5
        day += timedelta(days=1)
    return found
""",
    "Counter and defaultdict": """
from collections import Counter, defaultdict
def f():
    groups = defaultdict(list)
    for i in range(800):
        groups[i % 13].append(i)
    return Counter(len(g) for g in groups.values()).most_common(1)
""",
    "string building": """
def f():
    out = []
    for i in range(600):
        out.append("%04d:%s" % (i, str(i)[::-1]))
        out.append("{:>6}".format(i))
    return "".join(out).upper().count("1")
""",
    "roman numerals": """
PAIRS = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"), (10, "X"),
         (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
def roman(n):
    text = ""
    for value, sign in PAIRS:
        while n >= value:
            text += sign
            n -= value
    return text
def f():
    return [roman(n) for n in range(1, 200)]
""",
    "a breadth-first search": """
from collections import deque
def f():
    size, seen, queue = 24, {(0, 0)}, deque([(0, 0, 0)])
    while queue:
        x, y, d = queue.popleft()
        if (x, y) == (size - 1, size - 1):
            return d
        for dx, dy in ((0, 1), (1, 0), (0, -1), (-1, 0)):
            place = x + dx, y + dy
            if 0 <= place[0] < size and 0 <= place[1] < size and place not in seen:
                seen.add(place)
                queue.append((*place, d + 1))
""",
    "statistics": """
import math, statistics
def f():
    values = [math.sin(i) * i for i in range(200)]
    return statistics.fmean(values), statistics.median(values), math.sqrt(sum(v * v for v in values))
""",
    "match": """
def evaluate(node):
    match node:
        case ("+", a, b):
            return evaluate(a) + evaluate(b)
        case ("*", a, b):
            return evaluate(a) * evaluate(b)
        case int():
            return node
def f():
    tree = 1
    for i in range(60):
        tree = ("+", ("*", 2, i), tree)
    return evaluate(tree)
""",
}


def main() -> None:
    """Measure."""
    policy.warm(())
    print(json.dumps({name: _slowdown(source) for name, source in PROGRAMS.items()}))


def _slowdown(source: str) -> float:
    plain = _function(compile(source, "<function>", "exec"), {"__name__": "function"})
    guarded = _function(policy.compile_restricted(source), policy.rehearsal_namespace())
    assert plain() == guarded()
    count = max(1, round(_ROUND_MS / _ms(plain, 3)))
    return statistics.median(_ms(guarded, count) / _ms(plain, count) for _ in range(_ROUNDS))


def _function(code: Any, namespace: dict[str, Any]) -> Callable[[], object]:  # Any: code and globals
    exec(code, namespace)
    found: Callable[[], object] = namespace["f"]
    return found


def _ms(work: Callable[[], object], count: int) -> float:
    begin = time.perf_counter()
    for _ in range(count):
        work()
    return (time.perf_counter() - begin) * 1_000 / count


if __name__ == "__main__":
    main()

"""Graders that run as functions of the runtime: mathematical equality, and grading functions of one's own."""

import asyncio
from pathlib import Path

import pytest
from jigsmith import AsyncClient
from jigsmith_optimizer.grading import Graders, GradingError
from jigsmith_optimizer.tasks import Task, load

BACKENDS = ["bubblewrap"]
DATA = Path(__file__).parents[3] / "shared" / "data"

EQUAL = [
    (r"\frac{1}{2}", "0.5"),
    (r"\frac{1}{2}", "1/2"),
    (r"\dfrac12", r"\tfrac{1}{2}"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"x = -\frac{1}{2}", "-0.5"),
    (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    (r"2\sqrt{3}", "sqrt(12)"),
    (r"\sqrt[3]{16}", r"2\sqrt[3]{2}"),
    (r"\frac{\pi}{3}", "pi/3"),
    (r"30^\circ", "30"),
    (r"100\%", "100"),
    (r"\$1,250", "1250"),
    (r"10,000", "10000"),
    (r"10{,}000", "10000"),
    (r"3.5 \text{ feet}", "3.5"),
    (r"12\text{ cm}^2", "12"),
    (r"\text{Evelyn}", "evelyn"),
    (r"\text{(C)}", "C"),
    (r"\text{Navin}", r"\text{navin}"),
    (r"(3, 4)", r"\left( 3, 4 \right)"),
    (r"(3, \frac{1}{2})", "(3, 0.5)"),
    (r"[0, \infty)", r"[0,\infty)"),
    (r"x \in [0, 1]", "[0,1]"),
    (r"\{1, 2, 3\}", r"\{3, 2, 1\}"),
    ("1, 2", "2, 1"),
    (r"3 \pm \sqrt{2}", r"3+\sqrt{2}, 3-\sqrt{2}"),
    (r"(-\infty, 0) \cup (1, \infty)", r"(1,\infty)\cup(-\infty,0)"),
    ("x^2 + 2x + 1", "(x+1)^2"),
    ("2x(x - 3)", "2x^2 - 6x"),
    ("x^2 + y^2 = 13", "y^2 + x^2 = 13"),
    ("y = 2x + 3", "y = 3 + 2x"),
    ("2x - y + 3 = 0", "y = 2x + 3"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
    (r"\begin{pmatrix} 1/2 \\ 1 \end{pmatrix}", r"\begin{pmatrix} \frac{1}{2} \\ 1 \end{pmatrix}"),
    ("2^{10}", "1024"),
    ("3!", "6"),
    (r"\binom{5}{2}", "10"),
    (r"\log_2 8", "3"),
    (r"\sin 30", r"\sin(30)"),
    ("3 + 4i", "4i + 3"),
    (r"e^{i\pi}", "-1"),
    (r"6 \cdot 7", "42"),
    (r"\frac{3}{4}", "0.750"),
    ("0.333", r"\frac{1}{3}"),
    (r"2\frac{1}{3}", r"\frac{7}{3}"),
    ("5:3", "5 : 3"),
    ("11010_2", "11010_{2}"),
    ("k = 15", "15"),
    (r"\left|-3\right|", "3"),
    ("-8, 1", "1,-8"),
    (r"\frac{a+b}{2}", "(a+b)/2"),
    ("3.14", "3.140"),
    ("f(x) = x + 1", "x + 1"),
    (r"5\,\text{inches}", "5 inches"),
    ("1 000 000", "1000000"),
    (r"\sqrt{50}", r"5\sqrt2"),
    (r"\frac{10}{4}", "2.5"),
]
UNEQUAL = [
    (r"\frac{1}{2}", "0.6"),
    (r"\frac{1}{2}", "2"),
    ("5", "-5"),
    ("5", "6"),
    ("5", ""),
    ("5", "five"),
    ("5", "5x"),
    (r"\sqrt{2}", "2"),
    (r"\sqrt{2}", "1.41"),
    (r"\pi", "3.14"),
    (r"30^\circ", "60"),
    ("(3, 4)", "(4, 3)"),
    ("(3, 4)", "[3, 4]"),
    ("[0, 1)", "[0, 1]"),
    ("[0, 1)", "(0, 1)"),
    (r"[0, \infty)", r"(-\infty, 0]"),
    ("(3, 4)", "3"),
    ("(3, 4)", "(3, 4, 5)"),
    (r"\{1, 2\}", r"\{1, 3\}"),
    (r"\{1, 2\}", r"\{1\}"),
    ("1, 2", "1"),
    ("1, 2", "1, 2, 3"),
    ("1, 1", "1"),
    (r"3 \pm \sqrt{2}", r"3 + \sqrt{2}"),
    (r"(-\infty, 0) \cup (1, \infty)", r"(-\infty, 0)"),
    ("x^2 + 2x + 1", "x^2 + 2x"),
    ("x", "y"),
    ("x + y", "x y"),
    ("x^2 + y^2 = 13", "x^2 + y^2 = 14"),
    ("y = 2x + 3", "y = 2x - 3"),
    ("x = 3", "x = 4"),
    (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \end{pmatrix}"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", "1, 2"),
    ("2^{10}", "20"),
    ("2^{10}", "1000"),
    ("3!", "3"),
    (r"\binom{5}{2}", "2.5"),
    (r"\log_2 8", "4"),
    ("3 + 4i", "3 - 4i"),
    (r"\text{Evelyn}", "Navin"),
    (r"\text{(C)}", "B"),
    ("10000", "1000"),
    ("1.5", "15"),
    ("0.3", r"\frac{1}{3}"),
    ("5:3", "3:5"),
    ("11010_2", "11010_3"),
    ("11010_2", "26"),
    (r"\infty", r"-\infty"),
    (r"\infty", "1000000"),
    (r"\frac{1}{0}", "1"),
    ("", "5"),
    ("12", "1, 2"),
    (r"\sin x", r"\cos x"),
    ("a", "b"),
    ("2x", "x^2"),
    ("even", "odd"),
    ("yes", "no"),
    ("7", "seventy"),
    ("((((", "5"),
]


def graders(client: AsyncClient) -> Graders:
    """Return graders with a connection."""
    return Graders(lambda: client)


async def test_mathematical_answers_are_compared_by_what_they_mean(runtime) -> None:
    """Written in another way, they are equal; and what is not equal is not."""
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        found = graders(client)

        async def decided(wanted: str, given: str) -> bool:
            return await found.solved(Task("1", "?", wanted, "math"), f"Therefore:\nANSWER: {given}")

        wrong = [pair for pair in EQUAL if not await decided(*pair)]
        wrong += [pair for pair in UNEQUAL if await decided(*pair)]
        assert wrong == []


async def test_hostile_answers_decide_nothing(runtime) -> None:
    """Towers of powers, deep brackets, code: unsolved, within the limits of a call, and nothing is evaluated."""
    hostile = ["9^{9^{9^{9}}}", "9^9^9^9", "(" * 5_000, "{" * 2_000 + "1" + "}" * 2_000, "9" * 100_000, "100!!!!!!"]
    hostile += ["__import__('os').system('true')", "\\sqrt[" * 500, "x" * 5_000, "1/0", "\x00", "\\begin{matrix}" * 300]
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        found = graders(client)
        for given in hostile:
            assert not await found.solved(Task("1", "?", "5", "math"), f"ANSWER: {given}"), given[:40]


async def test_every_real_answer_is_equal_to_itself_and_not_to_the_next(runtime) -> None:
    """All 700 of MATH, said with another spacing, in the sandbox."""
    path = DATA / "math.jsonl"
    if not path.exists():
        pytest.skip("no shared/data beside the project")
    tasks = load(path)
    async with AsyncClient(runtime.address, token=runtime.token("optimizer"), timeout_s=60) as client:
        found, places = graders(client), asyncio.Semaphore(8)

        async def solved(task: Task, given: str) -> bool:
            async with places:
                return await found.solved(task, given)

        same = await asyncio.gather(*(solved(one, f"Thus $\\boxed{{ {one.answer} }}$.") for one in tasks))
        assert [one.answer for one, equal in zip(tasks, same, strict=True) if not equal] == []
        other = await asyncio.gather(*(solved(one, f"ANSWER: {one.answer}9") for one in tasks[:100]))
        assert not any(other)


async def test_a_grading_function_of_ones_own_runs_in_a_sandbox(runtime, tmp_path: Path) -> None:
    """It gives true, false or a mark; one that fails is an error that names the task, never a failed task."""
    (tmp_path / "grade.py").write_text(
        "def grade(question, answer, given):\n    return len(set(given) & set(answer)) / len(answer)\n"
    )
    rows = tmp_path / "tasks.jsonl"
    rows.write_text('{"id": "a", "question": "?", "answer": "abcd", "grader": "function", "source_file": "grade.py"}\n')
    (task,) = load(rows)
    async with AsyncClient(runtime.address, token=runtime.token("optimizer")) as client:
        found = graders(client)
        assert await found.solved(task, "ANSWER: abx")
        assert not await found.solved(task, "ANSWER: axy")
        for source, said in (
            ("def grade(question, answer, given):\n    return 1 / 0\n", "failed"),
            ("def grade(question, answer, given):\n    return 'good'\n", "neither true"),
            ("def grade(question, answer, given):\n    return open('/etc/passwd')\n", "cannot be registered"),
        ):
            with pytest.raises(GradingError, match=said):
                await found.solved(Task("a", "?", "1", "function", {"source": source}), "1")

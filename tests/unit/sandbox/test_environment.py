"""The digest of the policy gate covers all of it."""

from pathlib import Path

from jigsmith_sandbox.environment import digest_of_modules


def test_each_module_of_a_package_counts(tmp_path: Path) -> None:
    """Also one in a folder of it, by its content and by its name; what is no module does not."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "guards.py").write_text("a = 1\n")
    inner = tmp_path / "inner" / "doors.py"
    inner.write_text("b = 1\n")
    seen = {digest_of_modules(tmp_path)}
    inner.write_text("b = 2\n")
    seen.add(digest_of_modules(tmp_path))
    inner.rename(inner.with_name("windows.py"))
    seen.add(digest_of_modules(tmp_path))
    assert len(seen) == 3
    (tmp_path / "inner" / "notes.txt").write_text("c")
    assert digest_of_modules(tmp_path) in seen

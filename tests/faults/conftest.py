"""The runtime fixtures of the end-to-end tests, for these too."""

from tests.e2e.conftest import backend, new_runtime, pytest_generate_tests

__all__ = ["backend", "new_runtime", "pytest_generate_tests"]

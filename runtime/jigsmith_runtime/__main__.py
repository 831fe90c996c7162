"""`python -m jigsmith_runtime` is `jigsmith-runtime`."""

from jigsmith_runtime.cli import main

main()

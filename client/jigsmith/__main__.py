"""`python -m jigsmith`."""

from jigsmith.cli import main

main()

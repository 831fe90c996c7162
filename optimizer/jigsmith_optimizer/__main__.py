"""`python -m jigsmith_optimizer`."""

from jigsmith_optimizer.cli import main

main()

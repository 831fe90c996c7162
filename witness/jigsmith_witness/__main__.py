"""`python -m jigsmith_witness`."""

from jigsmith_witness.cli import main

main()

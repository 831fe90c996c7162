"""The `jigsmith` command. Each module holds the commands of one noun; `output` holds what they print and how they end."""

from jigsmith.cli.app import main

__all__ = ["main"]

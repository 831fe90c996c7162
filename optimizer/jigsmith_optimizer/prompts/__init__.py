"""Prompts, as files."""

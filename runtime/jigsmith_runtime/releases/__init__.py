"""Releases: who may move a channel to a revision, when, and what that changes.

`rules` decides on values alone; `commands` reads what a rule needs and plans the change.
"""

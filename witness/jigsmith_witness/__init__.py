"""A witness of transparency logs: cosigns checkpoints that begin with what it saw before, and nothing else.

It knows trees and signed notes (`jigsmith.tlog`), but not what a log's entries mean, nor the runtime that writes them.
"""

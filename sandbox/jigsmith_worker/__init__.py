"""What runs inside a sandbox: standard library and RestrictedPython only.

The host imports from here just the wire format (`frames`) and the outcome vocabulary (`outcome`).
"""

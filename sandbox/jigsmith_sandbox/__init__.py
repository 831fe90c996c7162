"""Untrusted code runs behind this package.

The host side: backends, the pool and the limits of sandboxes. It knows nothing of gRPC, the registry or the log.
"""

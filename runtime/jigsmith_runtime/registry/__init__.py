"""The registry: immutable versions, sets, revisions, channels and releases in a database.

The only package that knows SQLAlchemy and Alembic. It stores and finds; the rules are in `releases` and `registration`.
Start reading at `tables`, then `writes`, which is how every change is made.
"""

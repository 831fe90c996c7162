"""The stand-alone verifier of an audit log: needs the log's folder and the node's public key, no runtime and no network.

`hashes` re-hashes every entry, rebuilds the tree and checks the signed checkpoint; `fields` holds what each kind of entry
must have; `story` reads the entries as a whole: every call was accepted once and ended once, and every call through a channel
ran what a release had put there, approved by a person who had no hand in it; `places` proves single entries. `report` is what
comes of it.
"""

from jigsmith.verify.hashes import read_entries, verify_log
from jigsmith.verify.places import SignedLog
from jigsmith.verify.report import BadEntry, Fault, Report
from jigsmith.verify.story import BadEntryError

__all__ = ["BadEntry", "BadEntryError", "Fault", "Report", "SignedLog", "read_entries", "verify_log"]

"""Why a witness does not start, and why it does not cosign.

WitnessError
├── FolderError             the folder cannot be used; the witness does not start
├── StateUnwritableError    what was seen cannot be kept, so nothing is cosigned
└── RefusedError            a request is not granted; each class is one status of c2sp.org/tlog-witness
    ├── MalformedError          400
    ├── UntrustedError          403
    ├── UnknownLogError         404
    ├── ConflictError           409
    │   └── ForkError               409
    └── InconsistentError       422
"""

from typing import ClassVar


class WitnessError(Exception):
    """The message says what happened and, where something can be done, what to do."""


class FolderError(WitnessError):
    """The witness's folder cannot be used as it is."""


class StateUnwritableError(WitnessError):
    """The disk does not take what was seen."""


class RefusedError(WitnessError):
    """A request is not granted."""

    status: ClassVar[int]


class MalformedError(RefusedError):
    """The request does not have the form of an add-checkpoint request."""

    status = 400


class UntrustedError(RefusedError):
    """No key that is trusted for the log signed the checkpoint."""

    status = 403


class UnknownLogError(RefusedError):
    """The log is not one that this witness was told of."""

    status = 404


class ConflictError(RefusedError):
    """The request does not start from what was cosigned last."""

    status = 409

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size
        """How many entries the tree has that was cosigned last."""


class ForkError(ConflictError):
    """The log signed another tree of the size that was cosigned last."""


class InconsistentError(RefusedError):
    """The proof does not show that the tree begins with the one that was cosigned last."""

    status = 422

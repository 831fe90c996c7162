"""What can go wrong here without being planned.

ScriptedError
├── RequestInvalidError    a client's request is malformed: status 400
├── PolicyError            a policy has no answer to a well-formed request: status 400
├── BehaviourInvalidError  a probability or a schedule makes no sense
├── ListenError            the address cannot be listened on
└── NotServingError        asked for its address before it was started
"""


class ScriptedError(Exception):
    """The base of all errors of this package."""


class RequestInvalidError(ScriptedError):
    """A request that OpenAI's API would answer with 400; the message is for the client."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        """The field at fault, as OpenAI's error form names it."""
        self.code = code


class PolicyError(ScriptedError):
    """A policy was asked something that its script does not hold; the message says what."""


class BehaviourInvalidError(ScriptedError):
    """A probability outside of 0 to 1, or a negative count or time."""


class ListenError(ScriptedError):
    """The address cannot be listened on."""


class NotServingError(ScriptedError):
    """The server has no address before it was entered."""

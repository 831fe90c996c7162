"""What can go wrong on the host side of a sandbox. The failure of user code is an Outcome, never one of these.

SandboxError
├── SandboxUnavailableError    no sandbox could be had, or it was lost during the call
│   └── BackendMissingError    the configured backend cannot work on this machine
├── ProtocolError              a sandbox sent what the protocol does not allow; it is killed
├── LimitError                 limits that make no sense
└── ProfileError               profiles that make no sense
"""


class SandboxError(Exception):
    """The base of this package's errors."""


class SandboxUnavailableError(SandboxError):
    """No sandbox could be had, or it was lost during the call. Trying again may help."""


class BackendMissingError(SandboxUnavailableError):
    """The configured backend cannot work on this machine; the message says what to do."""


class ProtocolError(SandboxError):
    """A sandbox sent what the protocol does not allow."""


class LimitError(SandboxError):
    """Limits that make no sense."""


class ProfileError(SandboxError):
    """Profiles that make no sense; the message says where and why."""

"""What a sandbox's behaviour rests on beside the code that runs in it, as digests: profiles, limits, system calls, policy."""

import hashlib
from pathlib import Path

import jigsmith_worker.policy

from jigsmith_sandbox.limits import data_directory


def digests(profiles: Path | None = None) -> dict[str, str]:
    """Return sha256, hexadecimal, of the profiles, limits and system calls that operators set, and of the policy gate.

    `profiles` is the operator's own file, if there is one. Raises OSError.
    """
    data = data_directory()
    return {
        "profiles_sha256": _digest((profiles or data / "profiles.toml").read_bytes()),
        "limits_sha256": _digest((data / "limits.toml").read_bytes()),
        "seccomp_sha256": _digest((data / "seccomp.toml").read_bytes()),
        "policy_sha256": digest_of_modules(Path(jigsmith_worker.policy.__file__).parent),
    }


def digest_of_modules(package: Path) -> str:
    """Return the sha256 of all modules below a package's folder, with their names. Raises OSError."""
    found = sorted((path.relative_to(package).as_posix(), _digest(path.read_bytes())) for path in package.rglob("*.py"))
    return _digest("".join(f"{digest}  {name}\n" for name, digest in found).encode())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

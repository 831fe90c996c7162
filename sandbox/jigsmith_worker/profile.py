"""What a zygote imports and runs once, so that no call has to: the modules of its profile and what these import late."""

import sys
import types
from typing import Final

from jigsmith_worker import policy

PACKAGES_HOME: Final = "/opt/jigsmith/packages"
"""Where a sandbox has the packages of its profile; not on the path of a profile without any."""


def prepare(packages: list[str], warm_up: str) -> None:
    """Make the packages importable and run the operator's warm-up. Raises what an import or the warm-up raises."""
    if packages:
        sys.path.append(PACKAGES_HOME)
    policy.warm(packages)
    exec(compile(warm_up, "<warm-up>", "exec"), types.ModuleType("warm_up").__dict__)  # noqa: S102 - the operator's own

"""`python -m jigsmith_scripted`: serve a script until SIGTERM. The first line says where, as JSON."""

import argparse
import json
import signal
import sys
from dataclasses import fields

from jigsmith_scripted.behaviour import Behaviour
from jigsmith_scripted.errors import ScriptedError
from jigsmith_scripted.policies import Arithmetic
from jigsmith_scripted.server import ScriptedServer

_RATES = [one.name for one in fields(Behaviour) if one.name not in {"seed", "retry_after_s", "slow_s"}]


def main() -> int:
    """Serve; return the exit code."""
    parser = argparse.ArgumentParser(prog="jigsmith_scripted", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0, help="of everything that goes wrong on purpose")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds before each answer")
    for rate in _RATES:
        parser.add_argument(f"--{rate.replace('_', '-')}", type=float, default=0.0, help="a probability")
    given = parser.parse_args()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        behaviour = Behaviour(given.seed, slow_s=given.slow, **{rate: getattr(given, rate) for rate in _RATES})
        with ScriptedServer(Arithmetic(), behaviour, given.host, given.port) as server:
            sys.stdout.write(json.dumps({"base_url": server.base_url}) + "\n")
            sys.stdout.flush()
            signal.sigwait({signal.SIGTERM, signal.SIGINT})
    except ScriptedError as error:
        sys.stderr.write(f"jigsmith_scripted: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A stand-in for an LLM endpoint: OpenAI's HTTP API, answered by rules, for tests, the demo and benchmarks.

What it emits is decided by a few lines of Python and a seed. It is never to be presented as what an LLM can do: a figure that
was measured with it tells something about Jigsmith (its speed, what it does about a bad endpoint, whether a loop closes), and
nothing about a model. The package imports nothing else of Jigsmith, so that either side can be wrong on its own.

Start reading at `server.py`; `policy.py` says what a rule sees, `behaviour.py` what can go wrong on purpose.
"""

from jigsmith_scripted.behaviour import Behaviour, First
from jigsmith_scripted.errors import BehaviourInvalidError, ListenError, PolicyError, ScriptedError
from jigsmith_scripted.policy import Call, Message, Policy, Reply, Request, Tool, ToolCall
from jigsmith_scripted.server import ScriptedServer

__all__ = [
    "Behaviour",
    "BehaviourInvalidError",
    "Call",
    "First",
    "ListenError",
    "Message",
    "Policy",
    "PolicyError",
    "Reply",
    "Request",
    "ScriptedError",
    "ScriptedServer",
    "Tool",
    "ToolCall",
]

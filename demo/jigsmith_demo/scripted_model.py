"""The demo's stand-in for an LLM: a policy for the scripted endpoint.

It shows the loop, not the quality of any model. It keeps no state: what it answers follows from the request alone. As the
agent it calls a fitting function if one is offered, and guesses otherwise. As the optimizer it follows a course that makes
every mechanism of the loop show.
"""

import contextlib
import json
import re
import signal
import sys

from jigsmith_scripted import Call, Reply, Request, ScriptedServer

from jigsmith_demo import agent_rules, optimizer_rules

MODEL = "scripted-stand-in"


class StandIn:
    """Answers as agent and as optimizer, by which tools it is offered."""

    def answer(self, request: Request) -> Reply:
        """Return the next move."""
        offered = {tool.name for tool in request.tools}
        question, last = request.first("user"), request.messages[-1]
        if "ping" in offered:
            return _reply(("ping", {"text": "hello"}))
        if "terminate" in offered:
            found = re.search(r"```json\n(.*)\n```", question, re.DOTALL)
            messages = [{"role": one.role, "content": one.content} for one in request.messages]
            return _reply(optimizer_rules.next_action(json.loads(found[1]) if found else {}, messages))
        result = last.content if last.role == "tool" else None
        return _reply(agent_rules.next_step(question, offered, result))


def _reply(said: str | agent_rules.Call) -> Reply:
    if isinstance(said, str):
        return Reply(said)
    name, arguments = said
    return Reply(calls=(Call(name, json.dumps(arguments)),))


def main() -> None:
    """Serve until interrupted: `python -m jigsmith_demo.scripted_model HOST PORT`."""
    _, host, port = sys.argv
    with ScriptedServer(StandIn(), host=host, port=int(port)), contextlib.suppress(KeyboardInterrupt):
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()

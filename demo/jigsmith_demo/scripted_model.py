"""A stand-in for an LLM: a local server that speaks Chat Completions with tools and answers by rules.

It shows the loop, not the quality of any model. It keeps no state: what it answers follows from the request alone. As the
agent it calls a fitting function if one is offered, and guesses otherwise. As the optimizer it follows a course that makes
every mechanism of the loop show.
"""

import contextlib
import json
import re
import signal
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Final, Self

from jigsmith_demo import agent_rules, optimizer_rules

MODEL: Final = "scripted-stand-in"
_REQUEST_BYTES_MAX: Final = 8 * 1024 * 1024

Message = dict[str, Any]
Reply = str | tuple[str, dict[str, Any]]
"""A text, or a tool's name and its arguments."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a chat completion."""
        length = int(self.headers.get("content-length") or 0)
        if self.path != "/v1/chat/completions" or not 0 < length <= _REQUEST_BYTES_MAX:
            self._send(404, {"error": {"message": "POST /v1/chat/completions", "type": "invalid_request_error"}})
            return
        try:
            request = json.loads(self.rfile.read(length))
            reply = _reply(request["messages"], request.get("tools", []))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            self._send(400, {"error": {"message": f"malformed request: {error}", "type": "invalid_request_error"}})
            return
        self._send(200, _completion(request["messages"], reply))

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay silent: the demo tells what matters."""


def _reply(messages: list[Message], tools: list[dict[str, Any]]) -> Reply:
    offered = {tool["function"]["name"] for tool in tools}
    question = next(message["content"] for message in messages if message["role"] == "user")
    if "ping" in offered:
        return "ping", {"text": "hello"}
    if "terminate" in offered:
        found = re.search(r"```json\n(.*)\n```", question, re.DOTALL)
        state = json.loads(found[1]) if found else {}
        return optimizer_rules.next_action(state, messages)
    last = messages[-1]
    result = last["content"] if last["role"] == "tool" else None
    return agent_rules.next_step(question, offered, result)


def _completion(messages: list[Message], reply: Reply) -> dict[str, Any]:
    if isinstance(reply, str):
        message: Message = {"role": "assistant", "content": reply}
    else:
        name, arguments = reply
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": f"call_{uuid.uuid4().hex[:12]}", "type": "function", "function": function}
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
    prompt, answer = len(json.dumps(messages)) // 4, len(json.dumps(message)) // 4  # about four characters a token
    return {
        "id": f"chatcmpl-{uuid.uuid4().hex[:12]}",
        "object": "chat.completion",
        "created": 0,
        "model": MODEL,
        "choices": [
            {"index": 0, "message": message, "finish_reason": "stop" if isinstance(reply, str) else "tool_calls"}
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True


class ScriptedModel:
    """The server, by default on a free port of loopback. A context manager."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = _Server((host, port), _Handler)
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, name="scripted-model", daemon=True)

    def __enter__(self) -> Self:
        """Start serving."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def main() -> None:
    """Serve until interrupted: `python -m jigsmith_demo.scripted_model HOST PORT`."""
    _, host, port = sys.argv
    with ScriptedModel(host, int(port)), contextlib.suppress(KeyboardInterrupt):
        signal.sigwait({signal.SIGTERM, signal.SIGINT})


if __name__ == "__main__":
    main()

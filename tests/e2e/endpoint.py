"""An LLM endpoint whose answers a test decides: real HTTP, Chat Completions with tools."""

import json
import math
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = str | list[tuple[str, Any]]
"""A text, or tool calls: name, and arguments as a mapping or as text."""


class Endpoint:
    """Answers each request by a function of its messages and offered tools. A context manager."""

    def __init__(self, answer: Callable[[list[dict], set[str]], Reply]) -> None:
        self.requests: list[dict] = []
        self.failures: list[int] = []
        """Status codes to answer with before anything else."""
        self.says_usage = True
        """Whether answers say what they took."""
        self.served_max: float = math.inf
        """Requests beyond so many wait until there may be more."""
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                if endpoint.failures:
                    self.send_response(endpoint.failures.pop(0))
                    self.end_headers()
                    return
                endpoint.requests.append(request)
                while len(endpoint.requests) > endpoint.served_max:
                    time.sleep(0.01)
                offered = {tool["function"]["name"] for tool in request.get("tools", [])}
                completion = _completion(answer(request["messages"], offered))
                if not endpoint.says_usage:
                    del completion["usage"]
                data = json.dumps(completion).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _completion(reply: Reply) -> dict:
    message: dict[str, Any] = {"role": "assistant", "content": reply if isinstance(reply, str) else None}
    if not isinstance(reply, str):
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": given if isinstance(given, str) else json.dumps(given)},
            }
            for number, (name, given) in enumerate(reply)
        ]
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": "1", "object": "chat.completion", "created": 0, "model": "test", "choices": [choice], "usage": usage}

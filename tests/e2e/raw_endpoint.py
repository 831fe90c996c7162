"""An LLM endpoint of which a test decides every byte: status and body of each answer, and how slowly it comes."""

import json
import threading
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Raw = tuple[int, Any]
"""Status, and a body: bytes as they are, an iterable of bytes to be sent one by one, anything else as JSON."""


class RawEndpoint:
    """Answers each request, which it keeps, by a function of it. A context manager."""

    def __init__(self, answer: Callable[[dict], Raw]) -> None:
        self.requests: list[dict] = []
        self.ended = threading.Event()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["content-length"])))
                endpoint.requests.append(request)
                status, body = answer(request)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.end_headers()
                try:
                    for part in _parts(body):
                        self.wfile.write(part)
                except OSError:
                    return  # the client has given up

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()


def _parts(body: Any) -> Iterable[bytes]:
    if isinstance(body, bytes):
        return [body]
    return body if hasattr(body, "__next__") else [json.dumps(body).encode()]


def chat(content: Any = None, calls: Any = None, **more: Any) -> dict:
    """Return a body of Chat Completions with whatever is given."""
    message = {"role": "assistant", "content": content} | ({} if calls is None else {"tool_calls": calls})
    return {"choices": [{"index": 0, "message": message}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}} | more


def call(name: Any, arguments: Any, identifier: Any = "call_0") -> dict:
    """Return a tool call of Chat Completions."""
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def refusal(message: str, code: Any = None, param: str | None = None) -> dict:
    """Return an error's body."""
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}

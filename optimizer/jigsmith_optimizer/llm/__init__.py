"""Black-box language models: one request, one answer, whatever wire the endpoint speaks. The one door to `openai`."""

from jigsmith_optimizer.llm.answers import Answer, ToolCall, Usage
from jigsmith_optimizer.llm.endpoint import Access, Endpoint, Wire
from jigsmith_optimizer.llm.model import Model
from jigsmith_optimizer.llm.refusals import ModelError, PromptTooLongError, RequestRefusedError

__all__ = [
    "Access", "Answer", "Endpoint", "Model", "ModelError", "PromptTooLongError", "RequestRefusedError", "ToolCall", "Usage",
    "Wire",
]  # fmt: skip

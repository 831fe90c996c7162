"""Black-box language models: one request, one answer, whatever wire the endpoint speaks. The one door to `openai`."""

from jigsmith_optimizer.llm.answers import Answer, ToolCall, Usage
from jigsmith_optimizer.llm.endpoint import Access, Endpoint, ModelError, PromptTooLongError, Wire
from jigsmith_optimizer.llm.model import Model

__all__ = ["Access", "Answer", "Endpoint", "Model", "ModelError", "PromptTooLongError", "ToolCall", "Usage", "Wire"]

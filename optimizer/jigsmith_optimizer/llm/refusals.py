"""What an endpoint's refusal means: a fault of how it is asked at all, or of this one request.

ModelError                   the model cannot be used; ends a run
└─ RequestRefusedError       it refuses this request, and may take another: of an agent, that fails the task
   └─ PromptTooLongError     because it is too long for the context window
"""

import re
from typing import Final

import openai

from jigsmith_optimizer.texts import well_formed

_OF_ONE_REQUEST: Final = frozenset({400, 413, 422})
"""Statuses for what a request says: too much of it, or something that a filter holds back."""
_MESSAGE_CHARS_MAX: Final = 600
_TOO_LONG_CODES: Final = frozenset({"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"})
_TOO_LONG: Final = re.compile(
    r"context[ _](?:length|window|size)|maximum (?:model|prompt|input) length|maximum number of tokens|too many tokens"
    r"|(?:prompt|input) (?:is )?too long|reduce the length|`inputs` tokens|(?:prompt|input) token count",
    re.IGNORECASE,
)
"""How servers say it: OpenAI, vLLM, SGLang, llama.cpp, TGI, and those in front of other makers' models."""
_SEED: Final = re.compile(r"\bseed\b", re.IGNORECASE)


class ModelError(Exception):
    """The model cannot be used; the message says what to do."""


class RequestRefusedError(ModelError):
    """The endpoint refuses this request, such as for its content; it may well take another."""


class PromptTooLongError(RequestRefusedError):
    """The conversation has outgrown the model's context window."""


def refusal(model: str, error: openai.APIStatusError) -> ModelError:
    """Return the error for an answer with a status that says no."""
    said = told(error)
    if _is_too_long(error):
        return PromptTooLongError(f"{model}: the prompt is longer than its context window: {said}")
    kind = RequestRefusedError if error.status_code in _OF_ONE_REQUEST else ModelError
    return kind(f"{model} refused the request: {said}; {advice(error.status_code)}")


def refuses_seed(error: openai.APIStatusError) -> bool:
    """Return whether an endpoint knows no `seed`: it refuses the request, and names that."""
    return error.status_code in _OF_ONE_REQUEST and (error.param == "seed" or bool(_SEED.search(told(error))))


def advice(status: int) -> str:
    """Return what to do about a status."""
    return {
        401: "check the key: OPENAI_API_KEY or --api-key-file",
        403: "the key has no right to this model",
        404: "check --model and --base-url",
    }.get(status, "check --base-url, --wire and --temperature; for a model without tool calls, --agent react")


def _is_too_long(error: openai.APIStatusError) -> bool:
    if error.status_code not in _OF_ONE_REQUEST:
        return False
    return error.status_code == 413 or str(error.code) in _TOO_LONG_CODES or bool(_TOO_LONG.search(told(error)))


def told(error: Exception) -> str:
    """Return the beginning of what an endpoint said: it may hold the whole request."""
    said = str(error)
    if isinstance(error, openai.APIStatusError) and " - " not in said:  # the package tells a `message`, if there is one
        said = f"{said} - {error.response.text.strip()}"
    return well_formed(said)[:_MESSAGE_CHARS_MAX]

"""Whether a conversation is one that OpenAI's API accepts: every call answered, every result asked for.

Both wires refuse the same faults with status 400 (platform.openai.com/docs/guides/function-calling). A stand-in that let them
pass would let a client's mistake through to the first real endpoint.
"""

from jigsmith_scripted.errors import RequestInvalidError
from jigsmith_scripted.policy import Message


def check(messages: tuple[Message, ...], param: str) -> None:
    """Raise RequestInvalidError unless each call is followed by its result, and each result answers a call.

    `param` is the field that holds the conversation, for the error.
    """
    if not messages:
        raise RequestInvalidError(f"Invalid '{param}': empty array. Expected at least one.", param, "empty_array")
    open_ids: list[str] = []
    for index, message in enumerate(messages):
        if message.role == "tool":
            if message.tool_call_id not in open_ids:
                where = f"{param}[{index}]"
                raise RequestInvalidError(
                    f"Invalid '{where}': no unanswered tool call found with id '{message.tool_call_id}'.", where
                )
            open_ids.remove(message.tool_call_id)
        else:
            _check_answered(open_ids, param)
            open_ids = [one.id for one in message.tool_calls]
    _check_answered(open_ids, param)


def _check_answered(open_ids: list[str], param: str) -> None:
    if open_ids:
        raise RequestInvalidError(f"No tool output found for tool calls: {', '.join(open_ids)}.", param)

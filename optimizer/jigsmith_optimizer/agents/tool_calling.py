"""An agent that calls functions through the model's own tool calls."""

from importlib import resources

from jigsmith_optimizer.agents.agent import STEPS_MAX, Asker, Caller, Conversation
from jigsmith_optimizer.llm import RequestRefusedError


class ToolCallingAgent:
    """For models with tool calls."""

    name = "tools"

    async def solve(self, question: str, model: Asker, functions: Caller, seed: int) -> Conversation:
        """Let the model work on a question, calling functions, until it answers or has used its steps."""
        system = resources.files("jigsmith_optimizer.prompts").joinpath("agent.md").read_text()
        conversation = Conversation()
        messages = conversation.messages
        messages += [{"role": "system", "content": system}, {"role": "user", "content": question}]
        for _ in range(STEPS_MAX):
            try:
                answer = await model.ask(list(messages), functions.openai(), seed)
            except RequestRefusedError as error:
                conversation.cut_short = str(error)
                return conversation
            conversation.heard(answer)
            if not answer.tool_calls:
                return conversation
            for call in answer.tool_calls:
                text = await conversation.call(functions, call.name, call.arguments_json)
                messages.append({"role": "tool", "tool_call_id": call.id, "name": call.name, "content": text})
        conversation.cut_short = f"no answer within {STEPS_MAX} steps"
        return conversation

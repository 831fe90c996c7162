"""Agents: how a model solves a task with functions. Each is one way of talking to the model."""

from typing import Final, Literal

from jigsmith_optimizer.agents.agent import Agent, Caller, Conversation, Step
from jigsmith_optimizer.agents.react import ReactAgent
from jigsmith_optimizer.agents.tool_calling import ToolCallingAgent

AgentName = Literal["tools", "react"]

AGENTS: Final[dict[AgentName, type[ToolCallingAgent] | type[ReactAgent]]] = {
    "tools": ToolCallingAgent,
    "react": ReactAgent,
}

__all__ = ["AGENTS", "Agent", "AgentName", "Caller", "Conversation", "ReactAgent", "Step", "ToolCallingAgent"]

"""Policies that are ready for use. Each is a script: what it answers is no measure of any LLM."""

from jigsmith_scripted.policies.arithmetic import Arithmetic
from jigsmith_scripted.policies.scripted_steps import ScriptedSteps

__all__ = ["Arithmetic", "ScriptedSteps"]

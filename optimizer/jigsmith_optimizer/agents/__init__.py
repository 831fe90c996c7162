"""The agents that training improves: each takes a task's question, a model and tools, and ends with a text."""

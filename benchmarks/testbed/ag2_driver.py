"""Trains with AG2's AgentOptimizer as its notebook does, in a process that has AG2 and nothing of ours.

Lines of JSON go both ways. In comes a scenario: base_url, system, questions, mended. Epoch by epoch, out goes {"answers"}, and
in comes {"solved"}, for grading is not the contender's business. When the endpoint refuses further requests, training is over:
out goes {"functions", "misbound", "proposals", "lost"}, in come the test's {"questions"}, out go {"answers"}. They are given
with what one is left with: the functions of the last proposal, as they are registered. AG2 has no way to get the best set.

Functions run IN THIS PROCESS, without any isolation. That is for proposals that the benchmark itself has planted, and for
nothing else. AG2 would run them in one person's image of Docker Hub (`shaokun529/evoagent:v1`), or, where it believes to be
inside of a container, in an interpreter beside it.
"""

import contextlib
import functools
import io
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai

# AG2 is no dependency: it is installed into a folder of its own, where type checkers do not look.
from autogen import AssistantAgent, UserProxyAgent  # type: ignore[import-not-found]
from autogen.agentchat.contrib import agent_optimizer  # type: ignore[import-not-found]

Json = dict[str, Any]
Ask = Callable[[Json], Json]
"""Tell something, and hear what comes back."""


class Trainee:
    """AG2's two agents and its optimizer, and what is registered."""

    def __init__(self, base_url: str, system: str, *, mended: bool) -> None:
        model = {"model": "m", "api_key": "x", "base_url": base_url, "max_retries": 0}
        config = {"config_list": [model], "cache_seed": None}
        self._mended = mended
        self._assistant = AssistantAgent("assistant", system_message=system, llm_config=dict(config))
        self._user = UserProxyAgent(
            "user",
            human_input_mode="NEVER",
            code_execution_config=False,
            max_consecutive_auto_reply=10,
            is_termination_msg=lambda message: "ANSWER:" in (message.get("content") or ""),
        )
        self._optimizer = agent_optimizer.AgentOptimizer(3, config, optimizer_model="m")
        self.proposals = self.lost = 0

    def solve(self, question: str) -> list[Json]:
        """Return the conversation about a question."""
        self._user.initiate_chat(self._assistant, message=question, silent=True)
        return list(self._assistant.chat_messages_for_summary(self._user))

    def learn(self, conversations: list[list[Json]], solved: list[bool]) -> None:
        """Take one step of the optimizer, and register what it proposes. A proposal that makes AG2 crash is lost."""
        for conversation, satisfied in zip(conversations, solved, strict=True):
            self._optimizer.record_one_conversation(conversation, is_satisfied=satisfied)
        self.proposals += 1
        try:
            for_model, for_user = self._optimizer.step()
            if self._mended:
                self._register()
                return
            for one in for_model:
                self._assistant.update_function_signature(**one)
            if for_user:
                self._user.register_function(function_map=for_user)
        except openai.PermissionDeniedError:
            self.proposals -= 1
            raise
        except Exception:  # noqa: BLE001 - whatever its code raises
            self.lost += 1

    def _register(self) -> None:
        """Register the proposal, no more and no less, each function with its own code: AG2's `step` without its faults."""
        proposed = {one["name"]: one for one in self._optimizer._trial_functions}  # noqa: SLF001 - there is no other way
        for name in set(self.functions()) - proposed.keys():
            self._assistant.update_function_signature(name, is_remove=True)
            self._user.register_function({name: None})
        for name, one in proposed.items():
            signature = {"name": name, "description": one["description"]}
            signature["parameters"] = {"type": "object", "properties": one["arguments"]}
            self._assistant.update_function_signature(signature)
            run = functools.partial(agent_optimizer.execute_func, name, one["packages"], one["code"])
            self._user.register_function({name: run})

    def functions(self) -> list[str]:
        """Return what the model is offered."""
        return [one["name"] for one in self._assistant.llm_config.get("functions", [])]

    def misbound(self) -> int:
        """Return how many functions run another one's code: those that `step` made close over its loop's last value."""
        closures = {
            name: one.__closure__ for name, one in self._user.function_map.items() if hasattr(one, "__closure__")
        }
        return sum(bool(cells) and cells[0].cell_contents["name"] != name for name, cells in closures.items())


def train(scenario: Json, ask: Ask) -> None:
    """Train until the endpoint refuses, then take the test."""
    trainee = Trainee(scenario["base_url"], scenario["system"], mended=scenario["mended"])
    with contextlib.suppress(openai.PermissionDeniedError):
        while True:
            conversations = [trainee.solve(one) for one in scenario["questions"]]
            solved = ask({"answers": [one[-1]["content"] for one in conversations]})["solved"]
            trainee.learn(conversations, solved)
    over = {"functions": trainee.functions(), "misbound": trainee.misbound()}
    test = ask(over | {"proposals": trainee.proposals, "lost": trainee.lost})
    ask({"answers": [trainee.solve(one)[-1]["content"] for one in test["questions"]]})


def run_here(code: str, **_: Any) -> tuple[int, str, None]:
    """Run a program as AG2's `execute_code` does (exit code, output, image), but without Docker, pip and a new interpreter."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said):
            exec(compile(code, "<function>", "exec"), {"__name__": "__main__"})
    except Exception:  # noqa: BLE001 - the function's own
        return 1, traceback.format_exc(), None
    return 0, said.getvalue(), None


def main() -> None:
    """Run scenarios until there are no more."""
    agent_optimizer.execute_code = run_here
    outside = sys.stdout

    def ask(message: Json) -> Json:
        outside.write(json.dumps(message) + "\n")
        outside.flush()
        heard: Json = json.loads(sys.stdin.readline())
        return heard

    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        while line := sys.stdin.readline():
            train(json.loads(line), ask)


if __name__ == "__main__":
    main()

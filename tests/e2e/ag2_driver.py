"""Drives AG2's AgentOptimizer through epochs, as its notebook does, in a process that has AG2 and nothing of ours.

Reads a scenario from stdin: base_url, tasks (function, n, answer), epochs. Writes what it did as JSON, in its last line. The
functions are those that the test planted, so they may run here.
"""

import contextlib
import json
import sys
import warnings


def main() -> None:
    """Run the scenario."""
    warnings.simplefilter("ignore")
    from autogen.agentchat.contrib.agent_optimizer import AgentOptimizer

    scenario = json.load(sys.stdin)
    model = {"model": "m", "api_key": "x", "base_url": scenario["base_url"], "cache_seed": None}
    with contextlib.redirect_stdout(sys.stderr):
        optimizer = AgentOptimizer(3, {"config_list": [model], "cache_seed": None}, optimizer_model="m")
        epochs, executors = [], {}
        for number in range(scenario["epochs"]):
            functions = {one["name"]: one["code"] for one in optimizer._trial_functions}
            solved = [run(functions, *task) for task in scenario["tasks"]]
            for one in solved:
                optimizer.record_one_conversation([{"role": "user", "content": "?"}], is_satisfied=one)
            epochs.append({"functions": functions, "score": sum(solved) / len(solved)})
            if number < scenario["epochs"] - 1:
                _, executors = optimizer.step()
                epochs[-1]["best"] = sorted(one["name"] for one in optimizer._best_functions)
    bound = {name: one.__closure__[0].cell_contents["name"] for name, one in executors.items() if one is not None}
    sys.stdout.write("\n" + json.dumps({"epochs": epochs, "bound": bound}))


def run(functions: dict, name: str, n: int, answer: int) -> bool:
    """Return whether the function that a task needs gives its answer."""
    if name not in functions:
        return False
    namespace: dict = {}
    exec(functions[name], namespace)
    return name in namespace and namespace[name](n) == answer


if __name__ == "__main__":
    main()

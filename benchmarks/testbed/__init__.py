"""Training on real questions without an LLM: TAT-QA's arithmetic, and a scripted model that can do what its functions can.

A question's gold derivation says which of five functions it needs and with which numbers. The scripted agent calls that
function if the set holds one of its name, and answers what it gives, right or wrong; without it, it is wrong. So the loss of a
set is known, and so is what proposals are worth: the scripted optimizer adds the right functions one by one, and between them
proposes what is worth nothing (a function that no task needs), does harm (a wrong sign), has learned the training answers by
heart, crashes, or is refused by the policy. With noise, a share of all final answers is replaced by a wrong one.

Four contenders train with it on the same splits by the same seeds, each until its requests are spent: `trusted` and
`agent-optimizer` of jigsmith_optimizer, and AG2's AgentOptimizer as it is and with its registration mended.

Start reading at `contest.py`. It needs the rows, which are no part of the project: `python -m benchmarks.testbed ROWS`.
"""

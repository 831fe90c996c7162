"""What each function set of a run is called: by its epoch, or by what it was measured for."""

from collections import defaultdict
from typing import TYPE_CHECKING

from jigsmith_optimizer.weights import set_digest

if TYPE_CHECKING:
    from jigsmith_optimizer.pipeline import Outcome

UNKNOWN = "a set that was under way when the run ended"


def set_names(outcome: "Outcome") -> dict[str, str]:
    """Return a name for each set by its digest; a set may have been measured for several reasons."""
    training = outcome.training
    names: dict[str, list[str]] = defaultdict(list)
    for epoch in training.epochs:
        same = names[epoch.weights.digest]
        if not same:  # one that is proposed again is not measured again
            same.append(f"epoch {epoch.number} ({epoch.verdict.replace('_', ' ')}), {epoch.weights.revision}")
    measured = {one.function for one in outcome.effects if one.tasks}
    # Effects were measured before what earns nothing was removed, so that the last set need not hold all of them.
    base = next((one.weights for one in reversed(training.kept) if measured <= one.weights.functions.keys()), None)
    for function in sorted(measured) if base else ():
        rest = {name: one for name, one in base.functions.items() if name != function} if base else {}
        names[set_digest(rest)].append(f"the set without {function}, for its effect")
    if outcome.test is not None:
        names[outcome.test.empty.digest].append("without functions, the baseline at an equal budget")
    return {digest: "; ".join(found) for digest, found in names.items()}

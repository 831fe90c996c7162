"""The testbed's contender that is not ours: AG2's own code, trained by the scripted model over real HTTP and judged by ours."""

import json
from pathlib import Path

import pytest

from benchmarks import ag2_package
from benchmarks.testbed.ag2 import Ag2
from benchmarks.testbed.questions import needs

pytestmark = pytest.mark.training

REQUESTS = 300


def test_ag2_trains_until_its_requests_are_spent_and_misbinds_functions_unless_mended(tmp_path: Path) -> None:
    """One process takes both trainings; the same proposals are worth less where every function runs the last one's code."""
    try:
        folder = ag2_package.installed()
    except ag2_package.Ag2MissingError as error:
        pytest.skip(str(error))
    rows = tmp_path / "rows.jsonl"
    forms = [("{}-1", -1), ("{}+1", 1)]
    with rows.open("w") as file:
        for number in range(5, 65):
            form, step = forms[number % 2]
            row = {"id": str(number), "table_id": str(number), "split": "dev", "answer_type": "arithmetic", "scale": ""}
            row |= {
                "question": f"What about {number}?",
                "answer": str(number + step),
                "derivation": form.format(number),
            }
            file.write(json.dumps(row | {"answer_from": "table", "table": [["", "1"]], "rel_paragraphs": []}) + "\n")
    with Ag2(folder) as ag2:
        plain, mended = (
            ag2.train(needs(rows), mended=mended, noise=0.0, seed=1, requests=REQUESTS) for mended in (False, True)
        )
    assert plain.requests == mended.requests == REQUESTS
    assert plain.misbound
    assert mended.misbound == 0
    assert plain.proposals > 1
    assert plain.test_loss >= mended.test_loss

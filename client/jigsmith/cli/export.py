"""`jigsmith audit export`: a verified log as JSON lines, as it is or as OCSF events."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jigsmith import ocsf
from jigsmith.cli.files import text_of
from jigsmith.cli.output import USAGE, VERIFICATION_FAILED, fail
from jigsmith.tlog import NoteError, NoteVerifier
from jigsmith.verify import read_entries, verify_log


class ExportFormat(StrEnum):
    """What each line is."""

    ENTRIES = "entries"
    OCSF = "ocsf"


def export(
    directory: Annotated[
        Path, typer.Argument(metavar="LOG", help="The log's folder, or a copy.", exists=True, file_okay=False)
    ],
    *,
    key: Annotated[Path, typer.Option(help="File with the node's public key (audit-key.pub).", exists=True)],
    form: Annotated[
        ExportFormat, typer.Option("--format", help="entries: as logged; ocsf: API Activity events (OCSF 1.3).")
    ] = ExportFormat.ENTRIES,
    start: Annotated[int, typer.Option(min=0, help="Index of the first entry.")] = 0,
) -> None:
    """Verify a log and print its entries, a JSON object per line. Nothing is printed of a log that does not verify."""
    try:
        verifier = NoteVerifier.parse(text_of(key))
        report = verify_log(directory, verifier)
        if report.first_bad is not None:
            fail(VERIFICATION_FAILED, f"NOT VERIFIED: {report.first_bad.explanation}")
        for index, data in read_entries(directory, report.checkpoint_size, start):
            if index < start:
                continue
            entry = json.loads(data)
            line = (
                ocsf.event(report.origin, index, entry)
                if form is ExportFormat.OCSF
                else {"index": index, "entry": entry}
            )
            sys.stdout.write(json.dumps(line, separators=(",", ":")) + "\n")
    except NoteError as error:
        fail(USAGE, f"{key}: {error}")
    except OSError as error:
        fail(USAGE, f"cannot read the log: {error}")

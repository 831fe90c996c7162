"""`report` and `propose`: what is done with a run that is over, or as far as it came."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from jigsmith_optimizer import pipeline, release
from jigsmith_optimizer.cli import options, runs
from jigsmith_optimizer.cli.running import console, run, say
from jigsmith_optimizer.cli.telling import tell

Folder = Annotated[Path, typer.Argument(help="Folder of a run.")]


def report(out: Folder) -> None:
    """Write a run's report.html and summary.json anew, from its journal, without any network.

    Of a run that was not finished they show what it came to, and say what is missing.

    Example: jigsmith-optimizer report run
    """

    async def work() -> None:
        found = await runs.replay(out, console=console)
        pipeline.write_files(out, found.files)
        tell(out, found.summary)

    run(work)


def propose(
    out: Folder,
    channel: Annotated[str, typer.Option(help="The channel that is to move to what was learned.")],
    address: options.Address = "",
    token_file: options.TokenFile = None,
    evaluator_token_file: Annotated[
        Path | None, typer.Option(help="File with an evaluator's token: the results are attached as signed evidence.")
    ] = None,
    certificates: options.RootCertificates = None,
) -> None:
    """Propose what a finished run learned for release. People decide: `jigsmith releases`.

    The run is gone through again first: its summary and report have to be what its journal gives.

    Example: jigsmith-optimizer propose run --channel staging --token-file optimizer.token
    """

    async def work() -> None:
        optimizer = options.runtime_address(address, token_file, certificates)
        evaluator = options.runtime_address(
            address, evaluator_token_file, certificates, option="--evaluator-token-file"
        )
        found = await runs.replay(out, console=Console(quiet=True))
        proven = release.prove(out, found.summary, found.files, found.journal_sha256)
        async with optimizer.connect() as client:
            name = await release.propose(client, proven, channel)
        say(f"proposed: {name}")
        if evaluator_token_file is not None:
            async with evaluator.connect() as client:
                await release.attach(client, name, proven)
            say("the sealed test's result is attached, signed")

    run(work)

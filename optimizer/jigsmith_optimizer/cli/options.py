"""The options that commands share, and what they stand for."""

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer
from jigsmith import DEFAULT_ADDRESS

from jigsmith_optimizer.agents import AgentName
from jigsmith_optimizer.budget import Limits
from jigsmith_optimizer.llm import Access, ModelError, Wire
from jigsmith_optimizer.session import Means, RuntimeAddress, Who
from jigsmith_optimizer.tasks import FORM_NAMES

_MODEL, _RUNTIME, _BUDGET = "Model", "Runtime", "Budget (for the whole run, resumed parts included)"

FunctionSet = Annotated[str, typer.Option("--set", help="The function set; created by `train` if it is not there.")]
Model = Annotated[
    str, typer.Option(envvar="JIGSMITH_MODEL", help="The agent's model, by its name there.", rich_help_panel=_MODEL)
]
OptimizerModel = Annotated[
    str, typer.Option(help="Another model for proposals; it needs tool calls.", rich_help_panel=_MODEL)
]
ModelFile = Annotated[
    Path | None,
    typer.Option(help="TOML with model, base_url, api_key, wire, temperature; options win.", rich_help_panel=_MODEL),
]
BaseUrl = Annotated[
    str, typer.Option(envvar="OPENAI_BASE_URL", help="Any OpenAI-compatible endpoint.", rich_help_panel=_MODEL)
]
ApiKeyFile = Annotated[
    Path | None, typer.Option(help="File with its key; else OPENAI_API_KEY counts.", rich_help_panel=_MODEL)
]
WireName = Annotated[str, typer.Option("--wire", help="chat (Chat Completions) or responses.", rich_help_panel=_MODEL)]
Temperature = Annotated[
    str, typer.Option(help="A number, or none for models that refuse the parameter.", rich_help_panel=_MODEL)
]
TimeOut = Annotated[float, typer.Option("--timeout", min=1, help="Seconds for one request.", rich_help_panel=_MODEL)]
Agent = Annotated[str, typer.Option("--agent", help="tools (tool calls) or react (plain text).")]
Interpreter = Annotated[
    bool, typer.Option("--run-python", help="Give the agent a sandboxed interpreter; an admin must allow it.")
]
Address = Annotated[str, typer.Option(envvar="JIGSMITH_ADDRESS", help="Where it is.", rich_help_panel=_RUNTIME)]
TokenFile = Annotated[Path | None, typer.Option(help="File with a bearer token.", rich_help_panel=_RUNTIME)]
RootCertificates = Annotated[
    Path | None, typer.Option("--ca", help="PEM of the authorities, for TLS.", rich_help_panel=_RUNTIME)
]
Concurrency = Annotated[int, typer.Option(min=1, max=256, help="Rollouts at a time; the outcome is the same.")]
Seed = Annotated[int, typer.Option(help="Of splits, orders and rollouts.")]
Form = Annotated[str, typer.Option("--format", help=f"Of task files: {', '.join(FORM_NAMES)}.")]
MaxRequests = Annotated[
    int | None, typer.Option(min=0, help="Requests to models, every attempt.", rich_help_panel=_BUDGET)
]
MaxTokens = Annotated[int | None, typer.Option(min=0, help="Tokens, in and out.", rich_help_panel=_BUDGET)]
MaxSeconds = Annotated[float | None, typer.Option(min=0, help="Seconds.", rich_help_panel=_BUDGET)]
MaxCost = Annotated[float | None, typer.Option(min=0, help="Money, by the price table.", rich_help_panel=_BUDGET)]
Prices = Annotated[Path | None, typer.Option(help="A price table of your own (TOML).", rich_help_panel=_BUDGET)]


def who(
    function_set: str, model: str, optimizer_model: str, model_file: Path | None, agent: str, *, interpreter: bool,
    revision: str | None = None,
) -> Who:  # fmt: skip
    """Return which models work with which functions. Raises typer.BadParameter."""
    name = model or str(_model_facts(model_file).get("model", ""))
    if not name:
        raise typer.BadParameter("name a model: --model, JIGSMITH_MODEL, or `model` in --model-file")
    kinds: dict[str, AgentName] = {"tools": "tools", "react": "react"}
    if agent not in kinds:
        raise typer.BadParameter(f"--agent is tools or react, not {agent!r}")
    return Who(function_set, name, optimizer_model or name, kinds[agent], interpreter, revision)


def access(
    model_file: Path | None, base_url: str, api_key_file: Path | None, wire: str, temperature: str, timeout_s: float
) -> Access:
    """Return how models are reached. Raises typer.BadParameter."""
    facts = _model_facts(model_file)
    kinds: dict[str, Wire] = {"chat": "chat", "responses": "responses"}
    chosen = wire or str(facts.get("wire", "chat"))
    if chosen not in kinds:
        raise typer.BadParameter(f"--wire is chat or responses, not {chosen!r}")
    url = base_url or facts.get("base_url")
    key = api_key_file.read_text().strip() if api_key_file else facts.get("api_key")
    said = temperature or str(facts.get("temperature", "0"))
    try:
        degree = None if said == "none" else float(said)
    except ValueError:
        raise typer.BadParameter(f"--temperature is a number or none, not {said!r}") from None
    return Access(url, _key(url, key), kinds[chosen], degree, None, timeout_s)


def _key(url: str | None, key: str | None) -> str | None:
    """Return the key to send: servers of one's own often need none, and the openai package insists on one."""
    return key or (None if os.environ.get("OPENAI_API_KEY") or url is None else "none")


def _model_facts(path: Path | None) -> dict[str, Any]:  # TOML
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ModelError(f"--model-file {path}: {error}") from error


def means(
    runtime: RuntimeAddress, found: Access, concurrency: int, limits: Limits | None = None, prices: Path | None = None
) -> Means:
    """Return how a run is done."""
    return Means(runtime, found, concurrency, limits or Limits(), prices)


def runtime_address(address: str, token_file: Path | None, certificates: Path | None) -> RuntimeAddress:
    """Return where the runtime is. Raises OSError."""
    return RuntimeAddress(
        address or DEFAULT_ADDRESS,
        token_file.read_text().strip() if token_file else None,
        certificates.read_bytes() if certificates else None,
    )

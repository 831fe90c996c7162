"""The options that commands share, and what they stand for."""

import math
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from jigsmith import DEFAULT_ADDRESS

from jigsmith_optimizer.agents import AgentName
from jigsmith_optimizer.budget import Limits
from jigsmith_optimizer.llm import Access, Wire
from jigsmith_optimizer.session import RuntimeAddress, Who
from jigsmith_optimizer.tasks import FORM_NAMES

_MODEL, _RUNTIME, _BUDGET = "Model", "Runtime", "Budget (for the whole run, resumed parts included)"

Model = Annotated[
    str, typer.Option(envvar="JIGSMITH_MODEL", help="The agent's model, by its name there.", rich_help_panel=_MODEL)
]
OptimizerModel = Annotated[
    str, typer.Option(help="Another model for proposals; it needs tool calls.", rich_help_panel=_MODEL)
]
OptimizerModelFile = Annotated[
    Path | None,
    typer.Option(help="TOML as of --model-file, for a model of proposals that is elsewhere.", rich_help_panel=_MODEL),
]
ModelFile = Annotated[
    Path | None,
    typer.Option(
        help="TOML with model, base_url, api_key, wire, temperature, seed; options win.", rich_help_panel=_MODEL
    ),
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
    name = model or str(model_facts(model_file).get("model", ""))
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
    facts = model_facts(model_file)
    kinds: dict[str, Wire] = {"chat": "chat", "responses": "responses"}
    chosen = wire or str(facts.get("wire", "chat"))
    if chosen not in kinds:
        raise typer.BadParameter(f"--wire is chat or responses, not {chosen!r}")
    url = _url(base_url or facts.get("base_url"))
    key = _text("--api-key-file", api_key_file) or facts.get("api_key")
    degree = temperature_of(temperature or str(facts.get("temperature", "0")))
    seed = facts.get("seed", True)
    if not isinstance(seed, bool):
        raise typer.BadParameter(f"`seed` in --model-file is true or false: whether it is sent, not {seed!r}")
    return Access(url, _key(url, key), kinds[chosen], degree, None, finite("--timeout", timeout_s), seed)


def access_in(path: Path, timeout_s: float) -> Access:
    """Return how the model of a file is reached, by that file alone. Raises typer.BadParameter."""
    return access(path, "", None, "", "", timeout_s)


def model_in(path: Path | None) -> str:
    """Return the name of a file's model; empty without a file. Raises typer.BadParameter if it names none."""
    name = str(model_facts(path).get("model", ""))
    if path is not None and not name:
        raise typer.BadParameter(f"{path} names no `model`")
    return name


def _url(said: object) -> str | None:
    """Return an endpoint's address. Raises typer.BadParameter for what is none, before it is tried six times."""
    try:
        parts = None if said is None else urlsplit(str(said))
    except ValueError:
        parts = urlsplit("")
    if parts is not None and not (parts.scheme in ("http", "https") and parts.hostname):
        raise typer.BadParameter(f"--base-url begins with http:// or https:// and a host, not {str(said)!r}")
    return None if said is None else str(said)


def temperature_of(said: str) -> float | None:
    """Return a temperature; None for models that refuse the parameter. Raises typer.BadParameter."""
    try:
        degree = None if said == "none" else float(said)
    except ValueError:
        degree = math.nan
    if degree is not None and not (math.isfinite(degree) and degree >= 0):
        raise typer.BadParameter(f"--temperature is a number from 0, or none, not {said!r}")
    return degree


def _key(url: str | None, key: str | None) -> str | None:
    """Return the key to send: servers of one's own often need none, and the openai package insists on one."""
    if key or os.environ.get("OPENAI_API_KEY"):
        return key or None
    if url is None:
        raise typer.BadParameter(
            "no API key: set OPENAI_API_KEY, or give --api-key-file, or --base-url of a server that needs none"
        )
    return "none"


def model_facts(path: Path | None) -> dict[str, Any]:  # TOML
    """Return what --model-file says. Raises typer.BadParameter."""
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise typer.BadParameter(f"--model-file {path}: {error.strerror}: name a file that is there") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise typer.BadParameter(f"--model-file {path} is not TOML: {error}") from error


def form(said: str) -> str:
    """Return the name of a format. Raises typer.BadParameter."""
    if said not in FORM_NAMES:
        raise typer.BadParameter(f"--format is one of {', '.join(FORM_NAMES)}, not {said!r}")
    return said


def finite(option: str, value: float) -> float:
    """Return a number. Raises typer.BadParameter for what is none (nan), which no bound would hold back."""
    if not math.isfinite(value):
        raise typer.BadParameter(f"{option} is a number, not {value}")
    return value


def limits(
    max_requests: int | None, max_tokens: int | None, max_seconds: float | None, max_cost: float | None
) -> Limits:
    """Return what may be spent. Raises typer.BadParameter."""
    seconds = None if max_seconds is None else finite("--max-seconds", max_seconds)
    money = None if max_cost is None else finite("--max-cost", max_cost)
    return Limits(max_requests, max_tokens, seconds, money)


def _text(option: str, path: Path | None) -> str | None:
    """Return what stands in a file with a secret. Raises typer.BadParameter."""
    try:
        return None if path is None else path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise typer.BadParameter(f"{option} {path}: {error.strerror}: name a file that is there") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{option} {path} is no text") from error


def runtime_address(
    address: str, token_file: Path | None, certificates: Path | None, *, option: str = "--token-file"
) -> RuntimeAddress:
    """Return where the runtime is. Raises typer.BadParameter."""
    try:
        authorities = None if certificates is None else certificates.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"--ca {certificates}: {error.strerror}: name a file that is there") from error
    return RuntimeAddress(address or DEFAULT_ADDRESS, _text(option, token_file), authorities)

"""The page around a report, and the few pieces of HTML that its sections share."""

import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from typing import Final

_UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters, what reorders or hides text (trojansource.codes), and halves of characters, which UTF-8 does not have."""
TEXT_CHARS_MAX: Final = 2_000
"""Of one message, result or argument."""

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5d6778; --line: #d9dee7; --page: #fff; --train: #2457c5;
  --validation: #b4540a; --good: #1a7f4b; --bad: #b3261e; --panel: #f6f8fb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7ebf2; --soft: #9aa5b8; --line: #333c4b; --page: #14181f;
  --train: #7aa5ff; --validation: #f0a35e; --good: #5fd29a; --bad: #ff8a80; --panel: #1c222c; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem } h2 { font-size: 1.2rem; margin-top: 2.5rem } h3 { font-size: 1rem } .soft { color: var(--soft) }
table { border-collapse: collapse; margin: .8rem 0 } td, th { padding: .3rem 1rem .3rem 0; text-align: left;
  border-bottom: 1px solid var(--line); vertical-align: top; font-variant-numeric: tabular-nums }
.epoch { border-left: 3px solid var(--line); padding: .1rem 0 .1rem 1rem; margin: 1.2rem 0 }
.accepted, .solved { border-color: var(--good) } .rolled_back, .failed { border-color: var(--bad) }
pre { background: var(--panel); padding: .8rem; overflow-x: auto; font-size: 13px; line-height: 1.4; border-radius: 4px;
  white-space: pre-wrap; overflow-wrap: anywhere }
details { margin: .3rem 0 } details details { margin-left: 1rem; border-left: 3px solid var(--line); padding-left: .7rem }
summary { cursor: pointer } code { font-size: .85em; overflow-wrap: anywhere } a { color: var(--train) }
.plus { color: var(--good) } .minus { color: var(--bad) } svg text { font: 12px system-ui, sans-serif; fill: var(--soft) }
pre.calls { margin-top: -.8rem; border-top: 1px solid var(--line) } :target { outline: 2px solid var(--train) }
.note { background: var(--panel); padding: .6rem .9rem; border-radius: 4px }
"""


def escaped(text: object) -> str:
    """Return a text that nobody vouches for as HTML, with what cannot be seen written out."""
    return html.escape(_UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", str(text)))


def cut(text: str, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Return both ends of a long text: a question's table stands first, and what is asked last."""
    if len(text) <= chars_max:
        return text
    half = chars_max // 2
    return f"{text[:half]}\n… ({len(text):,} characters in all) …\n{text[-half:]}"


def page(title: str, body: str) -> str:
    """Return a whole page; the title is escaped, the body is HTML."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escaped(title)}</title>'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><h1>{escaped(title)}</h1>{body}</body></html>\n"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; every cell is escaped."""
    first = "".join(f"<th>{escaped(one)}</th>" for one in head)
    rest = "".join("<tr>" + "".join(f"<td>{escaped(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{first}</tr>{rest}</table>"


def details(summary: str, body: str, kind: str = "", anchor: str = "") -> str:
    """Return something to be opened; the summary is escaped, the body is HTML."""
    attributes = (f' class="{kind}"' if kind else "") + (f' id="{escaped(anchor)}"' if anchor else "")
    return f"<details{attributes}><summary>{escaped(summary)}</summary>{body}</details>"


def anchor(kind: str, *what: str) -> str:
    """Return the name of a place in the page: of a rollout, an invocation, a receipt."""
    return f"{kind}-{hashlib.sha256(chr(10).join(what).encode('utf-8', 'replace')).hexdigest()[:16]}"

"""What changed from one revision to another: functions added, revised and removed, in source, words, schemas and limits."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from google.protobuf.json_format import MessageToDict

from jigsmith.compatibility import SchemaChange, schema_changes
from jigsmith.v1 import function_pb2, function_set_pb2


@dataclass(frozen=True, slots=True)
class FunctionDiff:
    """One function that differs."""

    function: str
    change: str
    """`added`, `revised` or `removed`."""
    old_version: str
    """Resource name; empty if it was added."""
    new_version: str
    """Resource name; empty if it was removed."""
    text: str
    """Unified diff of everything that its digest is over."""
    schema_changes: tuple[SchemaChange, ...]

    @property
    def breaking(self) -> bool:
        """Whether callers of the old version may fail."""
        return self.change == "removed" or any(one.breaking for one in self.schema_changes)


@dataclass(frozen=True, slots=True)
class RevisionDiff:
    """All that differs between two revisions."""

    old: str
    """Resource name; empty stands for the empty set."""
    new: str
    functions: tuple[FunctionDiff, ...]

    def text(self) -> str:
        """Return it for people: one line for each function, then the diffs."""
        lines = [_headline(one) for one in self.functions]
        for one in self.functions:
            lines += [
                "",
                *(
                    f"  {'BREAKING' if x.breaking else 'compatible'}: {x.side}{x.pointer}: {x.what}"
                    for x in one.schema_changes
                ),
            ]
            lines.append(one.text)
        return "\n".join(lines)

    def facts(self) -> dict[str, object]:
        """Return it for programs."""
        return {
            "old": self.old,
            "new": self.new,
            "functions": [
                {
                    "function": one.function,
                    "change": one.change,
                    "old_version": one.old_version,
                    "new_version": one.new_version,
                    "breaking": one.breaking,
                    "schema_changes": [
                        {"side": x.side, "pointer": x.pointer, "what": x.what, "breaking": x.breaking}
                        for x in one.schema_changes
                    ],
                    "diff": one.text,
                }
                for one in self.functions
            ],
        }


def compare(old: function_set_pb2.Revision | None, new: function_set_pb2.Revision) -> RevisionDiff:
    """Compare two revisions as GetRevision returns them; None stands for the empty set."""
    before, after = _by_name(old), _by_name(new)
    found = [
        _compare_function(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or before[name].digest != after[name].digest
    ]
    return RevisionDiff("" if old is None else old.name, new.name, tuple(found))


def _by_name(revision: function_set_pb2.Revision | None) -> Mapping[str, function_pb2.FunctionVersion]:
    return {} if revision is None else {one.name.split("/")[1]: one for one in revision.resolved_versions}


def _compare_function(
    name: str, old: function_pb2.FunctionVersion | None, new: function_pb2.FunctionVersion | None
) -> FunctionDiff:
    labels = (old.name if old else "nothing", new.name if new else "nothing")
    text = "\n".join(difflib.unified_diff(_lines(old), _lines(new), *labels, lineterm=""))
    changes: list[SchemaChange] = []
    if old is not None and new is not None:
        changes += schema_changes("parameters", old.parameters_json, new.parameters_json)
        changes += schema_changes("returns", old.returns_json, new.returns_json)
    change = "added" if old is None else "removed" if new is None else "revised"
    return FunctionDiff(name, change, old.name if old else "", new.name if new else "", text, tuple(changes))


def _lines(version: function_pb2.FunctionVersion | None) -> list[str]:
    """Return everything that a version's digest is over, as lines."""
    if version is None:
        return []
    limits = MessageToDict(version.limits, preserving_proto_field_name=True)
    policy = function_pb2.Policy.Name(version.policy).removeprefix("POLICY_").lower()
    return [
        f"description: {version.description}",
        f"parameters: {version.parameters_json}",
        f"returns: {version.returns_json}",
        f"policy: {policy}  profile: {version.profile}  entry point: {version.entry_point}",
        f"packages: {', '.join(version.packages)}  limits: {', '.join(f'{k} {v}' for k, v in sorted(limits.items()))}",
        *version.source.splitlines(),
    ]


def _headline(one: FunctionDiff) -> str:
    return f"{one.change:<8} {one.function}" + (" (BREAKING for its callers)" if one.breaking else "")

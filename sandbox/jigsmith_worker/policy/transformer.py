"""Rewrites a syntax tree so that what is dangerous is refused or guarded, and all else stays plain Python.

Built on RestrictedPython's transformer, whose list of allowed nodes decides about every construct that is not named here.
Where it guards items, iteration and unpacking, this does not need to: modules are facades and attribute names are checked,
so these operations reach nothing new.
"""

import ast
from dataclasses import dataclass
from typing import Final

from RestrictedPython.transformer import RestrictingNodeTransformer

from jigsmith_worker.policy import imports, names, templates


@dataclass(frozen=True, slots=True)
class Refusal:
    """One construct that the gate refuses."""

    line: int
    column: int
    construct: str
    advice: str


_NO_ASYNC: Final = "write a plain function: a call runs alone in its process, so there is nothing to wait for"
_FORBIDDEN_BUILTINS: Final = frozenset({"exec", "eval", "compile", "open", "input", "breakpoint", "globals", "locals"})
_REFUSALS_MAX: Final = 32


def _is_harmless_template(node: ast.Attribute) -> bool:
    """Return whether this is `"...".format` of a literal whose fields name arguments and nothing in them."""
    template = node.value.value if isinstance(node.value, ast.Constant) else None
    return node.attr == "format" and type(template) is str and templates.is_harmless(template)


def _names_abc_meta(value: ast.expr) -> bool:
    """Return whether this is `ABCMeta` or `abc.ABCMeta`; that it is nothing else of the name, the class statement sees."""
    return (isinstance(value, ast.Name) and value.id == "ABCMeta") or (
        isinstance(value, ast.Attribute) and value.attr == "ABCMeta"
    )


def _is_for_type_checkers(test: ast.expr) -> bool:
    """Return whether this is `TYPE_CHECKING` or `typing.TYPE_CHECKING`."""
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _goes_on_without(handler: ast.ExceptHandler) -> bool:
    """Return whether a handler is for a module that cannot be imported."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        kind is None or (isinstance(kind, ast.Name) and kind.id in {"ImportError", "ModuleNotFoundError", "Exception"})
        for kind in kinds
    )


class PolicyTransformer(RestrictingNodeTransformer):
    """Collects refusals while it rewrites."""

    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[Refusal] = []
        self._classes: list[str] = []
        self._bound: set[str] = set()
        self._missing_builtins: list[ast.Name] = []
        self._pattern_classes: dict[str, tuple[str, ast.stmt]] = {}
        self._pattern_classes_made = 0
        self._may_lack_modules = False

    # --- refusing

    def refuse(self, node: ast.AST, construct: str, advice: str) -> None:
        """Note a refusal at a node."""
        if len(self.refusals) < _REFUSALS_MAX:
            self.refusals.append(Refusal(getattr(node, "lineno", 0), getattr(node, "col_offset", 0), construct, advice))

    def error(self, node: ast.AST, info: str) -> None:
        """Note what RestrictedPython itself refuses."""
        self.refuse(node, info[:200], "write it with plain statements and expressions")

    def _names_a_method(self, name: str) -> bool:
        """Return whether a special name is that of a method: `__radd__ = __add__`, or what a decorator gives to a class."""
        return name in names.WRITABLE_METHODS

    def _bind(self, node: ast.AST, name: str | None) -> None:
        if name:
            self._bound.add(name)
        if name and (wrong := names.why_unbindable(name)) and not self._names_a_method(name):
            self.refuse(node, f"{wrong}: {name}", "choose another name")

    # --- names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """Check a name that is bound or read."""
        if isinstance(node.ctx, ast.Load):
            if node.id in _FORBIDDEN_BUILTINS:
                self._missing_builtins.append(node)
            elif names.is_guard_shaped(node.id) or (
                names.is_dunder(node.id) and node.id not in names.ABOUT_THE_SOURCE and not self._names_a_method(node.id)
            ):
                self.refuse(node, f"a special name: {node.id}", "use public names")
        else:
            self._bind(node, node.id)
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """Visit everything, then refuse the builtins that are not there, unless the source has its own of that name."""
        node = self.node_contents_visit(node)
        for name in self._missing_builtins:
            if name.id not in self._bound:
                self.refuse(name, f"the builtin {name.id}", "compute with the arguments that the function gets")
        return node

    def check_name(self, node: ast.AST, name: str | None, allow_magic_methods: bool = False) -> None:  # noqa: ARG002
        """Take the place of RestrictedPython's own check, which knows fewer names."""
        self._bind(node, name)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Check every kind of parameter, positional-only ones too (CVE-2026-55830)."""
        self._bind(node, node.arg)
        return self.node_contents_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        """Allow `global` for names that may be bound."""
        for name in node.names:
            self._bind(node, name)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        """Allow `nonlocal` for names that may be bound."""
        for name in node.names:
            self._bind(node, name)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        """Check the name that an exception gets."""
        self._bind(node, node.name)
        return self.node_contents_visit(node)

    # --- attributes

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """Read public attributes plainly, others through the guard; write only where the guard lets it."""
        node = self.node_contents_visit(node)
        load = isinstance(node.ctx, ast.Load)
        if load and node.attr == "__class__":  # what most people write for type(x)
            return self._guarded(names.CLASS_OF, node.value)
        wrong = names.why_unreadable_attribute(node.attr) if load else names.why_unwritable_attribute(node.attr)
        if wrong:
            self.refuse(node, f"{wrong}: {node.attr}", self._attribute_advice(node.attr))
        elif not load:
            guarded = self._guarded(names.GUARD_WRITE, node.value, ast.Constant(node.attr))
            node.value = self._unless_own(node.value, node.value, guarded)
        elif names.is_private(node.attr):
            guarded = self._guarded(names.GUARD_ATTRIBUTE, node.value, ast.Constant(self._mangled(node.attr)))
            return self._unless_own(node.value, node, guarded)
        elif node.attr in names.SENSITIVE_ATTRIBUTES and not _is_harmless_template(node):
            return self._guarded(names.GUARD_ATTRIBUTE, node.value, ast.Constant(node.attr))
        return node

    @staticmethod
    def _unless_own(value: ast.expr, plain: ast.expr, guarded: ast.expr) -> ast.expr:
        """Return an expression that skips the guard for objects of the user's own classes, where it would find nothing.

        That is by far the most frequent use, `self.x`, and a call would cost more than the attribute itself. Only for plain
        names, which can be read twice: nothing of the user's runs in between, threads do not exist here.
        """
        if not isinstance(value, ast.Name):
            return guarded
        kind = PolicyTransformer._guarded(names.TYPE, ast.Name(value.id, ast.Load()))
        own = ast.Compare(kind, [ast.In()], [ast.Name(names.PLAIN_CLASSES, ast.Load())])
        return ast.IfExp(own, plain, guarded)

    @staticmethod
    def _attribute_advice(name: str) -> str:
        return {"__dict__": "name the attributes"}.get(name, "use public attributes")

    def _mangled(self, name: str) -> str:
        """Return the name that the compiler would make of a private one: it does not look into a guard's argument."""
        if self._classes and name.startswith("__") and not name.endswith("__"):
            owner = self._classes[-1].lstrip("_")
            return f"_{owner}{name}" if owner else name
        return name

    @staticmethod
    def _guarded(guard: str, *arguments: ast.expr) -> ast.Call:
        return ast.Call(ast.Name(guard, ast.Load()), list(arguments), [])

    # --- what needs no guard here

    def _plain(self, node: ast.AST) -> ast.AST:
        return self.node_contents_visit(node)

    visit_Subscript = _plain
    visit_Assign = _plain
    visit_Call = _plain
    visit_For = _plain
    visit_With = _plain
    visit_comprehension = _plain
    visit_ListComp = _plain
    visit_SetComp = _plain
    visit_DictComp = _plain
    visit_GeneratorExp = _plain
    visit_Lambda = _plain
    visit_NamedExpr = _plain
    visit_match_case = _plain
    visit_MatchSingleton = _plain
    visit_MatchSequence = _plain
    visit_MatchOr = _plain

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """Ask of `x.a += 1` what is asked of reading `x.a`, too: the operator is handed what was there."""
        target = node.target
        if not isinstance(target, ast.Attribute) or names.is_plain(target.attr):
            return self.node_contents_visit(node)
        if wrong := names.why_unreadable_attribute(target.attr) or names.why_unwritable_attribute(target.attr):
            self.refuse(node, f"{wrong}: {target.attr}", self._attribute_advice(target.attr))
        value, node.value = self.visit(target.value), self.visit(node.value)
        guarded = self._guarded(names.GUARD_AUGMENT, value, ast.Constant(self._mangled(target.attr)))
        is_sensitive = target.attr in names.SENSITIVE_ATTRIBUTES
        target.value = guarded if is_sensitive else self._unless_own(value, value, guarded)
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Allow annotated assignments; the target is checked like any other."""
        return self.node_contents_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        """Allow every constant, the ellipsis too."""
        return node

    # --- patterns

    def visit_Match(self, node: ast.Match) -> list[ast.stmt]:
        """Have the classes that patterns with positions name looked at before the match begins: see `classes`."""
        outer, self._pattern_classes = self._pattern_classes, {}
        node = self.node_contents_visit(node)
        looked_at, self._pattern_classes = self._pattern_classes, outer
        return [*(statement for _, statement in looked_at.values()), node]

    def visit_MatchAs(self, node: ast.MatchAs) -> ast.AST:
        """Check a captured name."""
        self._bind(node, node.name)
        return self.node_contents_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> ast.AST:
        """Check a captured name."""
        self._bind(node, node.name)
        return node

    def visit_MatchMapping(self, node: ast.MatchMapping) -> ast.AST:
        """Check a captured name."""
        self._bind(node, node.rest)
        node = self.node_contents_visit(node)
        node.keys = [self._held(key) for key in node.keys]
        return node

    def visit_MatchValue(self, node: ast.MatchValue) -> ast.AST:
        """Check the attributes of a value that is matched."""
        node = self.node_contents_visit(node)
        node.value = self._held(node.value)
        return node

    def _held(self, value: ast.expr) -> ast.expr:
        """Return an expression for a pattern, which takes attributes but none of the calls that guards are."""
        if isinstance(value, ast.Call | ast.IfExp):
            return ast.Attribute(self._guarded(names.HELD, value), "value", ast.Load())
        return value

    def visit_MatchClass(self, node: ast.MatchClass) -> ast.AST:
        """Check the attributes that a class pattern names; it cannot be guarded, so only plain public ones pass.

        What it reads by position depends on its class, which gets a name that no source can bind to another one meanwhile.
        """
        for name in node.kwd_attrs:
            if not names.is_plain(name):
                self.refuse(node, f"a pattern that reads the attribute {name}", "match on public attributes")
        node = self.node_contents_visit(node)
        if node.patterns or not isinstance(node.cls, ast.Name | ast.Attribute):
            node.cls = self._looked_at(node.cls)
        return node

    def _looked_at(self, cls: ast.expr) -> ast.Name:
        """Return a name for a class of a pattern, to which it is bound before the match, once for all of its patterns."""
        text = ast.dump(cls)
        if text not in self._pattern_classes:
            self._pattern_classes_made += 1
            name = f"_pattern_class_{self._pattern_classes_made}_"
            looked_at = ast.Assign([ast.Name(name, ast.Store())], self._guarded(names.PATTERN_CLASS, cls))
            self._pattern_classes[text] = (name, ast.copy_location(looked_at, cls))
        return ast.Name(self._pattern_classes[text][0], ast.Load())

    # --- definitions

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Allow functions; special ones only as methods of the definable kind."""
        definable = bool(self._classes) and node.name in names.DEFINABLE_DUNDERS | names.ONLY_DEFINABLE_DUNDERS
        if not definable:
            self._bind(node, node.name)
        # Inside a method, a nested function still belongs to the class as far as mangling goes.
        node = self.node_contents_visit(node)
        if node.name in names.CHECKED_METHODS:
            check = names.CHECKED_NEW if node.name == "__new__" else names.CHECKED_GETATTR
            # The outermost decorator is applied last, before there is a class that could be asked.
            node.decorator_list.insert(0, ast.Name(check, ast.Load()))
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Allow classes without metaclasses."""
        self._bind(node, node.name)
        for keyword in node.keywords:
            if keyword.arg is None or (keyword.arg == "metaclass" and not _names_abc_meta(keyword.value)):
                self.refuse(node, "a metaclass", "inherit from abc.ABC or enum.Enum, or do without")
        self._classes.append(node.name)
        node = self.node_contents_visit(node)
        self._classes.pop()
        return node

    # --- imports

    def visit_If(self, node: ast.If) -> ast.AST:
        """Leave what is imported for type checkers only to the import itself, which refuses, but is not run."""
        return self._visited_with(node, "body", may_lack=_is_for_type_checkers(node.test))

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Leave what is imported if it is there to the import itself, which refuses like one that is not there."""
        return self._visited_with(node, "body", may_lack=any(map(_goes_on_without, node.handlers)))

    def _visited_with(self, node: ast.If | ast.Try, first: str, *, may_lack: bool) -> ast.AST:
        """Visit a statement; in its first part, modules may be missing."""
        for name, part in ast.iter_fields(node):
            outer = self._may_lack_modules
            self._may_lack_modules = outer or (may_lack and name == first)
            if isinstance(part, list):
                visited = [self.visit(one) for one in part]
                part[:] = [one for found in visited for one in (found if isinstance(found, list) else [found])]
            else:
                setattr(node, name, self.visit(part))
            self._may_lack_modules = outer
        return node

    def visit_Import(self, node: ast.Import) -> ast.AST:
        """Allow the listed modules."""
        for alias in node.names:
            self._check_module(node, alias.name)
            self._bind(node, alias.asname)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        """Allow public names of the listed modules."""
        if node.level or not node.module:
            self.refuse(node, "a relative import", "import a module of the standard library by its name")
            return node
        if node.module == "__future__":
            for alias in node.names:
                self._bind(node, alias.asname)
            return node
        self._check_module(node, node.module)
        for alias in node.names:
            if alias.name == "*":
                return self._import_of_all(node)
            if alias.name.startswith("_"):
                self.refuse(node, f"the import of {alias.name}", "import public names one by one")
            elif imports.lacks(node.module, alias.name) and not self._may_lack_modules:
                advice = imports.advice_for_name(node.module, alias.name)
                self.refuse(node, f"the import of {alias.name} from {node.module}", advice)
            self._bind(node, alias.asname)
        return node

    def _import_of_all(self, node: ast.ImportFrom) -> ast.AST:
        """Name what a star stands for: of names that may be bound, all that the module's facade offers."""
        offered = imports.offered(str(node.module)) if imports.is_listed(str(node.module)) else []
        node.names = [ast.alias(name) for name in offered if not names.why_unbindable(name)]
        for alias in node.names:
            self._bind(node, alias.name)
        return node if node.names else ast.Pass()

    def _check_module(self, node: ast.AST, name: str) -> None:
        if not imports.is_listed(name) and not self._may_lack_modules:
            self.refuse(node, f"the import of {name}", imports.advice(name))

    # --- constructs with an advice of their own

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        """Refuse coroutines."""
        self.refuse(node, "async def", _NO_ASYNC)
        return node

    def visit_Await(self, node: ast.Await) -> ast.AST:
        """Refuse await."""
        self.refuse(node, "await", _NO_ASYNC)
        return node

    def visit_TryStar(self, node: ast.AST) -> ast.AST:
        """Refuse except* (CVE-2025-22153)."""
        self.refuse(node, "except*", "use except")
        return node

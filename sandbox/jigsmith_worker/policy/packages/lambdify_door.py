"""What sympy's `lambdify` may make a function of: a program's text, which is looked at at the moment at which it is compiled.

The text comes from printers that ask each expression how it wants to be printed, and its names from what the source hands over.
So none of these is trusted: a function may consist of arithmetic, of its own arguments, and of functions that can be had by
their names anyway. What was looked at is what is compiled, and it gets no name but those that were looked at.
"""

import ast
import builtins
import importlib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any, Final

from jigsmith_worker.policy import doors, imports, own
from jigsmith_worker.policy.packages.sympy_doors import functions_in_mpmath

_MODULE: Final = "sympy.utilities.lambdify"
_FACADES: Final[Mapping[str, tuple[str, ...]]] = {
    "math": ("math",), "cmath": ("cmath",), "numpy": ("numpy", "numpy.linalg"), "mpmath": (), "sympy": ("sympy",),
}  # fmt: skip
"""What functions come from, and the facades that say which of them can be had anyway."""
_MORE_OF_MPMATH: Final = frozenset({"mpf", "mpc", "matrix", "quad", "inf", "nan", "isnan", "isinf", "power", "sqrt"})
_PARTS: Final = (
    ast.Call, ast.keyword, ast.Constant, ast.Tuple, ast.List, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp,
    ast.Subscript, ast.Slice, ast.Return, ast.Load, ast.operator, ast.unaryop, ast.cmpop, ast.boolop,
)  # fmt: skip
"""What is harmless wherever it stands, if its parts are."""
_FUNCTIONS: Final = {
    name: getattr(builtins, name)
    for name in "abs all any bool complex divmod float int len max min pow range round sum".split()
}
_BUILTINS: Final = "builtins"
"""The only name that is followed by a dot."""
_FUNCTIONS_OF_BUILTINS: Final = frozenset(f"{_BUILTINS}.{name}" for name in _FUNCTIONS)
_IMPORT: Final = re.compile(r"from ([\w.]+) import ([^\W\d_]\w*)")

_offered: Final[dict[str, list[object]]] = {}
"""What a name may stand for in a text: one thing for each of the modules that have it."""
_symbol: Final[list[type]] = []
"""The class of what a name stands for that is no argument."""
_made: Final[list[tuple[types.CodeType, frozenset[str]]]] = []
"""The code that was compiled last, until it is executed, and the names in it that it does not bind itself."""


def replace() -> None:
    """Put the guarded functions in place, where lambdify looks its builtins up. Raises ImportError."""
    module: Any = importlib.import_module(_MODULE)
    for name, facades in _FACADES.items():
        module._import(name)  # noqa: SLF001 - else it would be imported by a program's text later
        values, _, translated, _ = module.MODULES[name]
        listed = {public for facade in facades for public in vars(imports.facade(facade))}
        listed |= _names_of_mpmath() if name == "mpmath" else set()
        listed |= {key for key, translation in translated.items() if translation in listed}
        for public in listed & values.keys():
            _offered.setdefault(public, []).append(values[public])
        for public in values:
            if type(values[public]) in (int, float, complex) or any(
                values[public] is one for one in _FUNCTIONS.values()
            ):
                _offered.setdefault(public, []).append(values[public])
    _symbol.append(importlib.import_module("sympy").Symbol)
    module.compile, module.exec, module.eval = _compile, _execute, _refuse


def _names_of_mpmath() -> set[str]:
    printing = importlib.import_module("sympy.printing.pycode")
    known = [*printing._known_functions_mpmath.values(), *printing._known_constants_mpmath.values()]  # noqa: SLF001 - nobody else has them
    return {name.rpartition(".")[2] for name in known} | functions_in_mpmath() | _MORE_OF_MPMATH


def _compile(text: Any, filename: str, mode: str) -> types.CodeType:
    """Take the place of `compile`: the program's tree is looked at, and it is this tree that is compiled. Raises ValueError."""
    if not doors.guarding():
        plain: types.CodeType = compile(text, filename, mode, dont_inherit=True)
        return plain
    if type(text) is not str:
        raise TypeError("a program must be a plain str")
    tree: Any = compile(text, filename, mode, flags=ast.PyCF_ONLY_AST, dont_inherit=True)
    free = _names_looked_up(tree)
    code: types.CodeType = compile(tree, filename, mode, dont_inherit=True)
    _made[:] = [(code, free)]
    return code


def _execute(program: Any, namespace: dict[str, Any], found: dict[str, Any]) -> None:
    """Take the place of `exec`: of what was compiled here, or of one import. Raises ValueError, ImportError."""
    if not doors.guarding():
        exec(program, namespace, found)  # noqa: S102 - as the original
        return
    if type(program) is not types.CodeType:
        _import_one(program, found)
        return
    code, free = _made.pop()
    if code is not program:
        raise ValueError("only what lambdify has written itself is executed here")
    exec(code, {name: _value_of(name, namespace) for name in free} | {"__builtins__": _FUNCTIONS}, found)  # noqa: S102 - looked at


def _refuse(*_: object) -> None:
    """Take the place of `eval`, which imports a module that evaluates texts itself."""
    raise ImportError("lambdify takes functions of math, mpmath, numpy and sympy here")


def _import_one(text: Any, found: dict[str, Any]) -> None:
    matched = _IMPORT.fullmatch(text) if type(text) is str else None
    if matched is None or matched[1] not in _FACADES:
        raise ImportError("lambdify takes functions of math, mpmath, numpy and sympy here")
    found[matched[2]] = getattr(importlib.import_module(matched[1]), matched[2])  # it is looked at when it is used


def _value_of(name: str, namespace: dict[str, Any]) -> object:
    """Return what a name stands for: what it is in a module, an own function, or a symbol. Raises ValueError."""
    if name == _BUILTINS:
        return types.SimpleNamespace(**_FUNCTIONS)
    value = namespace.get(name, _FUNCTIONS.get(name))
    is_offered = any(value is one for one in (*_offered.get(name, ()), _FUNCTIONS.get(name))) and value is not None
    if not (is_offered or own.is_own_function(value) or type(value) is _symbol[0]):
        raise _refusal(f"{name}, which is no argument and no function that can be used here")
    return value


def _names_looked_up(tree: ast.Module) -> frozenset[str]:
    """Look at a program, and return its names that it does not bind: one function of nothing but arithmetic."""
    function = tree.body[0] if len(tree.body) == 1 else None
    if not isinstance(function, ast.FunctionDef) or function.decorator_list or function.returns:
        raise _refusal("more than one plain function")
    bound = {
        name for part in function.body if isinstance(part, ast.Assign) for to in part.targets for name in _names(to)
    }
    return _free_of_all(function.body, _arguments(function.args) | bound)


def _free_of_all(nodes: Iterable[ast.AST], local: frozenset[str]) -> frozenset[str]:
    return frozenset(name for node in nodes for name in _free(node, local))


def _free(node: ast.AST, local: frozenset[str]) -> frozenset[str]:
    """Return the names of a part of a program that are not local. Raises ValueError for what is no arithmetic."""
    if isinstance(node, ast.Name) and (node.id != _BUILTINS or node.id in local):
        return frozenset({node.id} - local)
    if isinstance(node, _PARTS):
        return _free_of_all(ast.iter_child_nodes(node), local)
    if isinstance(node, ast.Lambda):
        return _free(node.body, local | _arguments(node.args))
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return _free_of_comprehension(node, local)
    if isinstance(node, ast.Assign | ast.Delete):
        for target in node.targets:
            _names(target)
        return _free(node.value, local) if isinstance(node, ast.Assign) else frozenset()
    if ast.unparse(node) in _FUNCTIONS_OF_BUILTINS:
        return frozenset({_BUILTINS} - local)
    raise _refusal(type(node).__name__)


def _free_of_comprehension(node: ast.ListComp | ast.GeneratorExp, local: frozenset[str]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for generator in node.generators:
        found |= _free(generator.iter, local)
        local |= _names(generator.target)
        found |= _free_of_all(generator.ifs, local)
    return found | _free(node.elt, local)


def _arguments(arguments: ast.arguments) -> frozenset[str]:
    if arguments.defaults or arguments.kw_defaults or any(one.annotation for one in arguments.args):
        raise _refusal("arguments that are more than names")
    return frozenset(one.arg for one in arguments.args)


def _names(target: ast.AST) -> frozenset[str]:
    """Return the names that an assignment binds. Raises ValueError for one that writes to anything else."""
    if isinstance(target, ast.Name):
        return frozenset({target.id})
    if isinstance(target, ast.Tuple | ast.List):
        return frozenset(name for part in target.elts for name in _names(part))
    raise _refusal("an assignment to something else than a name")


def _refusal(what: str) -> ValueError:
    return ValueError(f"a function of lambdify with {what}: only plain mathematical expressions are taken here")

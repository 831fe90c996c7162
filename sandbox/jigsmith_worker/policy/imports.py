"""What may be imported, and what of it. An import gives a facade: public names of one listed module and nothing behind it.

Almost half of the standard library's modules lead in a few public steps to sys, os or builtins (`json.codecs`,
`statistics.sys`, `enum.bltns`). So a facade has no module in it that is not itself listed, and takes only what the module
says is public: its `__all__`, or the names given here where it has none or where the rest is not for strangers.
"""

import abc
import difflib
import functools
import importlib
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn

from jigsmith_worker.policy import classes, doors, functools_doors, output, own, packages, stand_ins, type_question

_KINDS: Final = """
    BuiltinFunctionType FunctionType GeneratorType GenericAlias LambdaType MethodType NoneType TracebackType UnionType
"""
"""Types that people ask about: what `type` gives for objects of them."""

STANDARD_LIBRARY: Final[Mapping[str, str]] = {
    # `*`: everything in __all__; `*-x`: without x; `.`: all public names (C modules, which carry nothing along);
    # otherwise the names themselves.
    "abc": "ABC ABCMeta abstractmethod abstractclassmethod abstractproperty abstractstaticmethod",
    "array": ".",
    "base64": "* -main",
    "binascii": ".",
    "bisect": "bisect bisect_left bisect_right insort insort_left insort_right",
    "calendar": "*",
    "cmath": ".",
    "collections": "* -UserString",  # its format() is not str's own
    "collections.abc": "*",
    "colorsys": "*",
    "contextlib": """
        AbstractContextManager ContextDecorator ExitStack closing contextmanager nullcontext redirect_stderr redirect_stdout
        suppress
    """,
    "copy": "copy deepcopy Error",
    "csv": "* -register_dialect -unregister_dialect -get_dialect -list_dialects",
    # asdict and friends only read fields; make_dataclass takes a namespace, which could define any special method
    "dataclasses": "* -make_dataclass",
    "datetime": "* ",
    "decimal": "*",
    "difflib": "*",
    "errno": ".",
    "enum": "Enum IntEnum StrEnum Flag IntFlag auto unique verify member nonmember CONTINUOUS NAMED_FLAGS UNIQUE",
    "fnmatch": "fnmatch fnmatchcase filter translate",
    "fractions": "Fraction",
    # `wraps` copies and updates attributes of any name, and is replaced by one with fixed names
    "functools": """
        cache cached_property cmp_to_key lru_cache partial partialmethod reduce singledispatch singledispatchmethod
        total_ordering update_wrapper wraps
    """,
    "graphlib": "TopologicalSorter CycleError",
    "hashlib": "new pbkdf2_hmac md5 sha1 sha224 sha256 sha384 sha512 sha3_224 sha3_256 sha3_384 sha3_512 blake2b blake2s",
    "heapq": "*",
    "hmac": "new digest compare_digest",
    "html": "escape unescape",
    "html.parser": "HTMLParser",
    "io": "StringIO BytesIO",
    "ipaddress": (
        "ip_address ip_network ip_interface IPv4Address IPv4Network IPv4Interface IPv6Address IPv6Network IPv6Interface "
        "collapse_addresses summarize_address_range AddressValueError NetmaskValueError"
    ),
    "itertools": ".",
    "json": "dumps loads dump load JSONDecodeError JSONEncoder JSONDecoder",
    "keyword": "iskeyword issoftkeyword kwlist softkwlist",
    "math": ".",
    "numbers": "*",
    "operator": "*",
    "pprint": "pformat pprint",
    "queue": "Empty Full LifoQueue PriorityQueue Queue SimpleQueue",
    "random": "* -SystemRandom",
    "re": "* -template",
    "secrets": "choice randbelow randbits token_bytes token_hex token_urlsafe compare_digest",
    "shlex": "join quote split",
    "statistics": "*",
    # Formatter reads attributes of any name (CVE-2026-76825)
    "string": """
        ascii_letters ascii_lowercase ascii_uppercase capwords digits hexdigits octdigits printable
        punctuation whitespace Template
    """,
    "struct": "*",
    # the streams of the interpreter lead to their files, and are replaced by what only writes
    "sys": """
        byteorder exit float_info getrecursionlimit getsizeof int_info maxsize maxunicode platform setrecursionlimit
        stderr stdout version version_info
    """,
    "textwrap": "*",
    "threading": "Lock RLock",
    "time": """
        time monotonic perf_counter process_time time_ns monotonic_ns perf_counter_ns process_time_ns
        sleep strftime strptime gmtime localtime mktime
        struct_time asctime ctime
    """,
    "types": f"SimpleNamespace MappingProxyType {_KINDS}",
    # ForwardRef evaluates a string; the others look at or mark what they are given
    "typing": """*
        -ForwardRef -evaluate_forward_ref -get_overloads -clear_overloads -no_type_check
        -no_type_check_decorator -reveal_type -dataclass_transform
    """,
    "unicodedata": ".",
    "urllib.parse": """
        quote quote_plus unquote unquote_plus urlencode urlparse urlsplit urlunparse urlunsplit urljoin
        parse_qs parse_qsl urldefrag
    """,
    "uuid": "UUID uuid3 uuid4 uuid5 NAMESPACE_DNS NAMESPACE_URL NAMESPACE_OID NAMESPACE_X500",
    "warnings": "catch_warnings filterwarnings resetwarnings simplefilter warn",
    "zlib": "adler32 crc32 compress decompress",
}


_allowed: dict[str, str] = {**STANDARD_LIBRARY, **stand_ins.MODULES}


def allow(names: Iterable[str]) -> None:
    """Add what the packages of this sandbox's profile offer. A package without a list of its own offers nothing."""
    for package in names:
        _allowed.update(packages.MODULES.get(package, {}))


def allowed() -> Mapping[str, str]:
    """Return the modules that may be imported here, each with its rule."""
    return _allowed


def facade_all() -> None:
    """Build every facade, and with them import every module. Raises ImportError."""
    for name in _allowed:
        facade(name)


class Facade:
    """Stands for a module: attributes of its own, so that reading one costs what it costs with a module.

    It has no `__name__`: with one, `from json import decoder` would look for what is missing here among the real modules, as
    the interpreter does for imports in a circle (IMPORT_FROM).
    """

    _module_name: str

    @property
    def __name__(self) -> NoReturn:
        """Raise AttributeError. A property, so that nothing can give it one."""
        raise AttributeError(f"the name of {self._module_name} cannot be read here")

    def __getattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{self._module_name}.{name} is not available here")

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self._module_name}.{name} cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{self._module_name}.{name} cannot be changed")

    def __repr__(self) -> str:
        return f"<module {self._module_name}>"


def _facade(name: str, values: Mapping[str, Any]) -> Facade:
    """Return a facade. Not its class's own doing: an `__init__` could be called again, with other values."""
    made = Facade()
    vars(made).update(values, _module_name=name)
    return made


@functools.cache
def facade(name: str) -> Facade:
    """Return the facade of a listed module. Raises ImportError for any other."""
    if not is_listed(name):
        raise ImportError(f"{name} may not be imported here", name=name)
    values: dict[str, Any] = {}
    if name in _allowed:
        module = importlib.import_module(_found_at(name))
        values = {
            public: _REPLACED.get(f"{name}.{public}", getattr(module, public)) for public in _public(name, module)
        }
        values = {public: value for public, value in values.items() if not _opens_more(value)}
        if type(version := getattr(module, "__version__", None)) is str:
            values["__version__"] = version
        for value in values.values():
            if not type_question.is_stand_in(value):
                classes.note_public(value)
    for listed in _allowed:
        if listed.startswith(f"{name}."):
            child = listed.removeprefix(f"{name}.").partition(".")[0]
            values.setdefault(child, facade(f"{name}.{child}"))  # sympy.simplify is a function, and a module
    return _facade(name, values)


def _found_at(name: str) -> str:
    """Return which module to take a listed one's contents from."""
    if name in stand_ins.MODULES:
        return f"{stand_ins.__name__}.{name.rpartition('.')[2].lower()}"
    return packages.ALIASES.get(name, name)


def offered(name: str) -> list[str]:
    """Return what `from name import *` binds."""
    values = vars(facade(name))
    return sorted(public for public in values if not public.startswith("_") and not isinstance(values[public], Facade))


def _opens_more(value: Any) -> bool:
    """Return whether a value is a module, or a metaclass, which makes classes with any special method."""
    return isinstance(value, types.ModuleType) or (isinstance(value, type) and issubclass(value, type))


def _public(name: str, module: types.ModuleType) -> list[str]:
    rule, *words = _allowed[name].split()
    if rule not in {"*", "."}:
        return [word for word in (rule, *words) if hasattr(module, word)]
    listed = module.__all__ if rule == "*" and hasattr(module, "__all__") else dir(module)
    return [public for public in listed if not public.startswith("_") and f"-{public}" not in words]


_REPLACED: Final[dict[str, Any]] = {
    "types.SimpleNamespace": own.SimpleNamespace,
    "dataclasses.dataclass": classes.dataclass,
    "functools.lru_cache": functools_doors.lru_cache,
    "functools.wraps": functools_doors.wraps,
    "functools.update_wrapper": functools_doors.update_wrapper,
    "abc.ABCMeta": classes.ABC_META,
    "warnings.catch_warnings": doors.catch_warnings,
    "sys.stdout": output.Stream("stdout"),
    "sys.stderr": output.Stream("stderr"),
    "abc.abstractmethod": doors.own_only(abc.abstractmethod),
    "abc.abstractclassmethod": doors.own_only(abc.abstractclassmethod),
    "abc.abstractstaticmethod": doors.own_only(abc.abstractstaticmethod),
    "typing.runtime_checkable": doors.own_only(typing.runtime_checkable),
    "functools.total_ordering": doors.own_only(functools.total_ordering),
    "typing.final": doors.own_only(typing.final),
    "typing.get_args": doors.get_args,
    "typing.get_type_hints": doors.get_type_hints,
    **{f"types.{name}": type_question.as_asked_for(getattr(types, name)) for name in _KINDS.split()},
    "typing.get_origin": doors.get_origin,
}


def replace(name: str, value: Any) -> None:
    """Have a facade offer something else under a name such as `module.name`. To be called before facades are made."""
    _REPLACED[name] = value


_ADVICE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("os", "pathlib", "shutil", "glob", "tempfile", "subprocess"),
        "there are no files and programs here: take the data as an argument and return the result",
    ),
    **dict.fromkeys(
        ("requests", "urllib", "urllib.request", "http", "http.client", "socket", "httpx", "aiohttp", "ssl"),
        "there is no network here: take the data as an argument",
    ),
    **dict.fromkeys(
        ("asyncio", "threading", "multiprocessing", "concurrent", "concurrent.futures", "queue", "signal"),
        "a call runs alone: write a plain function",
    ),
    **dict.fromkeys(("pickle", "marshal", "shelve", "dill"), "use json"),
    **dict.fromkeys(("importlib", "builtins", "code", "gc", "ctypes"), "do without looking at code"),
    **dict.fromkeys(("numpy", "pandas", "sympy"), "ask for the profile that has this package, such as scientific"),
    "zoneinfo": "use datetime.timezone, or ask for the profile scientific, which has time zones",
    "argparse": "declare parameters: arguments come with the call",
    "locale": "use format specifications such as {:,}",
    "sqlite3": "use dict and list",
}


def advice(name: str) -> str:
    """Return what to do in place of importing a module that is not listed."""
    if name in _ADVICE:
        return _ADVICE[name]
    close = difflib.get_close_matches(name, _allowed, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}write what you need of it; modules that can be imported: {', '.join(sorted(_allowed))}"


def is_listed(name: str) -> bool:
    """Return whether a module may be imported: a listed one, or a package that has one in it."""
    return name in _allowed or any(listed.startswith(f"{name}.") for listed in _allowed)


def lacks(module: str, name: str) -> bool:
    """Return whether a module that may be imported does not offer a name."""
    return is_listed(module) and name not in vars(facade(module))


def advice_for_name(module: str, name: str) -> str:
    """Return what to do in place of importing a name that a listed module does not offer."""
    offers = offered(module)
    close = difflib.get_close_matches(name, offers, n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    return f"{hint}{_ADVICE.get(module, 'do without it')}; {module} offers {', '.join(offers)}"


def guarded_import(
    name: str,
    _globals: Mapping[str, object] | None = None,
    _locals: Mapping[str, object] | None = None,
    fromlist: tuple[str, ...] = (),
    level: int = 0,
) -> Facade:
    """Take the place of `__import__`. Raises ImportError for what is not listed."""
    if type(name) is not str or level:
        raise ImportError("only modules of the standard library, by their full name")
    if name == "_strptime":  # datetime's C code imports its parser through its caller's __import__
        return _strptime_facade()
    if name in packages.IMPORTED_BY_C:
        return _facade(name, {})  # who asks takes the module from sys.modules (PyImport_Import)
    if name == "__future__":
        return _facade(name, {"annotations": None})
    if fromlist:
        return facade(name)
    facade(name)
    return facade(name.partition(".")[0])


@functools.cache
def _strptime_facade() -> Facade:
    parser = importlib.import_module("_strptime")
    names = [name for name in dir(parser) if name.startswith("_strptime_")]
    return _facade("_strptime", {name: getattr(parser, name) for name in names})

"""Which names a source may bind, read and look up. Pure; shared by the transformer (before) and the guards (while running)."""

from typing import Final

from RestrictedPython.transformer import INSPECT_ATTRIBUTES

GUARD_ATTRIBUTE: Final = "_getattr_"
GUARD_WRITE: Final = "_write_"
GUARD_AUGMENT: Final = "_augment_"
TYPE: Final = "_type_"
CLASS_OF: Final = "_class_of_"
PLAIN_CLASSES: Final = "_plain_classes_"
PATTERN_CLASS: Final = "_pattern_class_"
HELD: Final = "_held_"
CHECKED_GETATTR: Final = "_checked_getattr_"
CHECKED_NEW: Final = "_checked_new_"

DEFINABLE_DUNDERS: Final = frozenset(
    f"__{name}__"
    for name in """
    init new post_init repr str bytes format bool hash len length_hint iter next reversed contains call
    getitem setitem delitem missing enter exit eq ne lt le gt ge copy deepcopy add radd iadd sub rsub isub
    mul rmul imul matmul rmatmul imatmul truediv rtruediv itruediv floordiv rfloordiv ifloordiv mod rmod imod divmod
    rdivmod pow rpow ipow lshift rlshift ilshift rshift rrshift irshift and rand iand or ror ior xor rxor ixor neg pos abs
    invert int float complex index round trunc floor ceil init_subclass class_getitem set_name getattr
    setattr delattr
""".split()
)
"""Special methods that a class may define and call. Not `__getattribute__`, `__reduce*__`, `__prepare__`."""

ONLY_DEFINABLE_DUNDERS: Final = frozenset({"__get__", "__set__", "__delete__", "__del__"})
"""Special methods that a class may define, but nobody calls by name."""

WRITABLE_DUNDERS: Final = frozenset({"__name__", "__qualname__", "__doc__"})
CHECKED_METHODS: Final = frozenset({"__getattr__", "__new__"})
"""Special methods that a class may define by a function only, which is given a check around it (`own`)."""
WRITABLE_METHODS: Final = DEFINABLE_DUNDERS - CHECKED_METHODS
"""Special methods that may be given to one's own class later, as decorators of classes do."""
ORDINARY_DUNDERS: Final = DEFINABLE_DUNDERS | WRITABLE_DUNDERS
READ_AS_A_COPY: Final = frozenset(
    {"groupindex", "parameters", "registry", "__members__", "__annotations__", "__dataclass_fields__"}
)
"""Mappings that belong to somebody else: a comparison hands the dictionary behind a read-only view to the other side."""
READ_OF_OWN_CLASSES: Final = frozenset({"__mro__", "__bases__", "__subclasses__"})
READ_OF_OWN_OBJECTS: Final = frozenset({"__dict__", "__wrapped__"})
ACCESSORS: Final = frozenset({"fget", "fset", "fdel"})
CHAIN: Final = frozenset({"__cause__", "__context__"})
READ_OF_ALIASES: Final = frozenset({"__origin__", "__args__", "__metadata__"})
_SAY_NOTHING: Final = frozenset(
    f"__{name}__"
    for name in """
    module slots version notes suppress_context match_args abstractmethods isabstractmethod parameters total
    required_keys optional_keys
""".split()
)
"""What is read of classes and exceptions, and leads to nothing but names and type variables."""
READABLE_DUNDERS: Final = (
    DEFINABLE_DUNDERS
    | ONLY_DEFINABLE_DUNDERS - {"__del__"}
    | WRITABLE_DUNDERS
    | READ_AS_A_COPY - {"groupindex", "parameters", "registry"}
    | READ_OF_OWN_CLASSES
    | READ_OF_OWN_OBJECTS
    | READ_OF_ALIASES
    | CHAIN
    | _SAY_NOTHING
)
ABOUT_THE_SOURCE: Final = frozenset(
    f"__{name}__" for name in "all author copyright credits date doc email license name status version".split()
)
"""What a module says of itself."""
BINDABLE_DUNDERS: Final = ABOUT_THE_SOURCE - {"__name__"} | {"__slots__", "__match_args__"}
NAMEDTUPLE_ATTRIBUTES: Final = frozenset({"_asdict", "_fields", "_field_defaults", "_make", "_replace"})

DOORS: Final = frozenset(
    {
        "ctypes", "tofile", "dump", "dumps", "to_pickle", "to_sql", "to_hdf", "to_clipboard", "eval", "query",
        "plot", "hist", "boxplot", "handles", "handler", "identify", "resize", "cffi", "set_state",
    }
)  # fmt: skip
"""Public attributes that are refused on what comes from numpy, pandas and sympy."""

HELD_TO_THEIR_CLASS: Final = frozenset(
    f"__{name}__" for name in ("init", "repr", "hash", "eq", "ne", "lt", "le", "gt", "ge")
)
"""Methods that dataclasses generate: they would read or write attributes of any name of whatever they are called with."""

OWN_METHODS: Final = frozenset(
    {"__getattr__", "__set_name__", "__init_subclass__", "__get__", "__set__", "__delete__", "from_callable"}
)
"""Methods that take any name, write to any class or evaluate annotations, unless they are the source's own."""

SENSITIVE_ATTRIBUTES: Final = (
    DOORS
    | HELD_TO_THEIR_CLASS
    | OWN_METHODS
    | READ_AS_A_COPY
    | READ_OF_OWN_CLASSES
    | READ_OF_OWN_OBJECTS
    | READ_OF_ALIASES
    | ACCESSORS
    | CHAIN
    | {"args", "func", "format", "format_map", "mro", "obj", "__setattr__", "__delattr__"}
)
"""Names that are checked when they are read, because what they give depends on the object."""


_OF_ENUMERATIONS: Final = frozenset(
    f"_{name}_"
    for name in "missing generate_next_value value name ignore order value2member_map member_map member_names".split()
)
"""Names shaped like guards that the documentation of enum tells everybody to use."""

_CYTHON_ATTRIBUTES: Final = frozenset({"func_code", "func_globals", "func_closure", "func_defaults", "func_dict"})
"""What functions of C extensions made with Cython call their insides."""


def is_dunder(name: str) -> bool:
    """Return whether a name is a special one. Raises TypeError for a str of a class that could say anything of itself."""
    if type(name) is not str:
        raise TypeError("a name must be a plain str")
    return name.startswith("__") and name.endswith("__") and name.strip("_") != ""


def is_guard_shaped(name: str) -> bool:
    """Return whether a name could shadow a guard: `_x_`, or RestrictedPython's own suffix."""
    shaped = name.startswith("_") and name.endswith("_") and name.strip("_") != "" and not is_dunder(name)
    return (shaped and name not in _OF_ENUMERATIONS) or name.endswith("__roles__")


def why_unbindable(name: str) -> str | None:
    """Return what is wrong with binding a name, or None."""
    if name in {"super", "__getattr__"}:
        return "a name that means something to the policy"
    if is_guard_shaped(name):
        return "a name that begins and ends with an underscore"
    if is_dunder(name) and name not in BINDABLE_DUNDERS:
        return "a special name"
    return None


def why_unreadable_attribute(name: str) -> str | None:
    """Return what is wrong with reading an attribute of that name from any object, or None."""
    if is_dunder(name) and name not in READABLE_DUNDERS:
        return "a special attribute"
    if name in INSPECT_ATTRIBUTES or name in _CYTHON_ATTRIBUTES:
        return "an attribute of frames, code or tracebacks"
    if is_guard_shaped(name):
        return "an attribute that begins and ends with an underscore"
    return None


def why_unwritable_attribute(name: str) -> str | None:
    """Return what is wrong with writing an attribute of that name on any object, or None."""
    if is_dunder(name):
        return None if name in WRITABLE_DUNDERS | WRITABLE_METHODS else "a special attribute"
    return why_unreadable_attribute(name)


def is_plain(name: str) -> bool:
    """Return whether an attribute of that name may be read from any object without a guard."""
    return not (why_unreadable_attribute(name) or name.startswith("_") or name in SENSITIVE_ATTRIBUTES)


def is_private(name: str) -> bool:
    """Return whether an attribute belongs to the class that defines it."""
    return not is_dunder(name) and name.startswith("_")

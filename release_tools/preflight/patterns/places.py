"""Works out where the paths that a module builds lead, where that's certain.

That is from `__file__` into the bundle, and from `sys.executable` into the environment. A path with anything unknown in
it, such as a parameter or an environment variable, leads nowhere.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Final

from release_tools.preflight.patterns.modules import Function, OwnModule, dotted_name

WORDS: Final = (b"__file__", b"importlib.resources", b"importlib_resources")

# Where an environment would be. What's in the bundle is relative: `gate_app/state.json`.
ENVIRONMENT: Final = PurePosixPath("/environment")
_INTERPRETER: Final = ENVIRONMENT / "bin" / "python"

# They return the path that they are called with, or on, as far as it matters here.
_SAME_PLACE: Final = frozenset(
    {
        *("builtins.open", "builtins.str", "open", "os.fspath", "str"),
        *("os.path.abspath", "os.path.normpath", "os.path.realpath"),
    }
)
_SAME_PLACE_METHODS: Final = frozenset({"absolute", "as_posix", "expanduser", "fileno", "open", "resolve"})
_JOINING: Final = frozenset({"os.path.join", "pathlib.Path", "pathlib.PurePath"})
_RESOURCES: Final = frozenset({"importlib.resources.files", "importlib_resources.files"})
_ENVIRONMENT_NAMES: Final = {
    "sys.executable": _INTERPRETER,
    "sys.prefix": ENVIRONMENT,
    "sys.exec_prefix": ENVIRONMENT,
}

Place = PurePosixPath


class Places:
    """The places that the expressions of one module lead to. `others` are those of all own modules, by dotted name."""

    def __init__(self, module: OwnModule, others: Mapping[str, "Places"]) -> None:
        self.module = module
        self.values = _certain_values(module)
        self._others = others
        # Names whose value is being worked out: one may be defined by itself.
        self._open: set[str] = set()

    def of(self, node: ast.AST | None) -> Place | None:
        """The place that an expression leads to, or None if that isn't certain."""
        place: Place | None = None
        match node:
            case ast.Name(id="__file__"):
                place = PurePosixPath(self.module.path)
            case ast.Attribute(value=value, attr="parent") if inner := self.of(value):
                place = _up(inner)
            case ast.Subscript(value=ast.Attribute(value=value, attr="parents"), slice=ast.Constant(value=int(index))):
                place = _up(self.of(value), index + 1)
            case ast.Name() | ast.Attribute():
                place = self._of_name(node)
            case ast.BinOp(left=left, op=ast.Div(), right=right):
                place = self._joined(self.of(left), [right])
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                place = self._concatenated([*_added(left), right])
            case ast.JoinedStr(values=parts):
                place = self._concatenated(
                    [part.value if isinstance(part, ast.FormattedValue) else part for part in parts]
                )
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if inner := self.of(value):
                place = self._of_method(inner, method, node.args)
            case ast.Call(func=ast.Name() | ast.Attribute() as function):
                place = self._of_function(function, node.args)
        return place

    def of_value(self, name: str) -> Place | None:
        """The place that all values of a name have in common."""
        if name in self._open or name not in self.values:
            return None
        self._open.add(name)
        try:
            places = {self.of(value) for value in self.values[name]}
        finally:
            self._open.remove(name)
        return places.pop() if len(places) == 1 else None

    def text(self, node: ast.expr) -> str | None:
        """The text that an expression has, with `*` for what varies, or None if it isn't one."""
        match node:
            case ast.Constant(value=str(text)):
                return text
            case ast.JoinedStr(values=values):
                return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in values)
            case ast.Name(id=name) if name in self.values:
                constants = {value.value for value in self.values[name] if isinstance(value, ast.Constant)}
                return str(constants.pop()) if len(constants) == len(self.values[name]) == 1 else None
        return {"os.pardir": "..", "os.sep": "/"}.get(self.module.full_name(node))

    def exported(self) -> set[str]:
        """The names of constants and functions of the module that other modules can import, and that have a place."""
        names = {dotted_name(target) for node in self.module.tree.body for target in _targets(node)}
        names |= {f"{node.name}()" for node in self.module.tree.body if isinstance(node, Function)}
        return {name for name in names if self.of_value(name)}

    def _of_method(self, place: Place, method: str, args: Sequence[ast.expr]) -> Place | None:
        """What a method of a path, or of the file there, leads to."""
        match method, args:
            case "joinpath", parts:
                return self._joined(place, parts)
            case "with_name", [name]:
                return self._joined(_up(place), [name])
            case "with_suffix", [ast.Constant(value=str(suffix))]:
                return place.parent / f"{place.stem}{suffix}"
        return place if method in _SAME_PLACE_METHODS else None

    def _of_function(self, function: ast.expr, args: Sequence[ast.expr]) -> Place | None:
        name = self.module.full_name(function)
        match args:
            case []:
                return self._of_name(function, "()")
            case [first, *rest] if name in _JOINING:
                return self._joined(self.of(first), rest)
            case [first, *_] if name in _SAME_PLACE:
                return self.of(first)
            case [first] if name == "os.path.dirname":
                return _up(self.of(first))
            case [first] if name in _RESOURCES:
                return self._package_folder(first)
        return None

    def _of_name(self, node: ast.expr, call: str = "") -> Place | None:
        """The place of a name of this module or of another own one; `call` is "()" for what a function returns."""
        full_name = self.module.full_name(node)
        if full_name in _ENVIRONMENT_NAMES:
            return _ENVIRONMENT_NAMES[full_name]
        module, _, name = full_name.rpartition(".")
        other = self._others.get(module)
        return other.of_value(name + call) if other else self.of_value(dotted_name(node) + call)

    def _package_folder(self, node: ast.expr) -> Place | None:
        match node:
            case ast.Constant(value=str(name)):
                package = name
            case ast.Name(id="__package__"):
                package = self.module.package
            case ast.Name(id="__name__"):
                package = self.module.name
            case _:
                package = self.module.full_name(node)
        is_own = package.partition(".")[0] == self.module.name.partition(".")[0]
        return PurePosixPath(*package.split(".")) if package and is_own else None

    def _joined(self, place: Place | None, parts: Iterable[ast.expr]) -> Place | None:
        for part in parts:
            text = self.text(part)
            place = _below(place, text) if text is not None else None
        return place

    def _concatenated(self, parts: Sequence[ast.expr]) -> Place | None:
        """The place of a path with a slash and more behind it, as text, maybe as the address of a database."""
        first, *rest = parts or [ast.Constant(value="")]
        if rest and (self.text(first) or "").startswith("sqlite") and (self.text(first) or "").endswith(":///"):
            first, *rest = rest
        texts = [self.text(part) for part in rest]
        more = "".join(text or "*" for text in texts)
        if more and (None in texts[:1] or not more.startswith("/")):
            return None
        return _below(self.of(first), more.lstrip("/"))


def _certain_values(module: OwnModule) -> dict[str, list[ast.expr]]:
    """All values of the names in a module, whatever their scope, and what its functions return, as `name()`.

    Without names that get a value in another way, such as parameters and targets of loops.
    """
    values: defaultdict[str, list[ast.expr]] = defaultdict(list)
    stores: Counter[str] = Counter()
    for node in module.nodes:
        for target in _targets(node):
            values[dotted_name(target)].append(node.value)  # type: ignore[attr-defined] # what has targets has a value
        match node:
            case ast.withitem(context_expr=value, optional_vars=ast.Name(id=name)):
                values[name].append(value)
            case ast.FunctionDef(name=name):
                returned = [part.value for part in ast.walk(node) if isinstance(part, ast.Return)]
                values[f"{name}()"] += [value or ast.Constant(value=None) for value in returned]
                stores[f"{name}()"] += len(returned)
            case ast.ClassDef():
                for name, value in _class_attributes(node):
                    values[name].append(value)
                    stores[name] += 1
            case ast.arg(arg=name):
                stores[name] += 1
            case ast.Name(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                stores[dotted_name(node)] += 1
    return {name: found for name, found in values.items() if found and len(found) == stores[name]}


def _class_attributes(node: ast.ClassDef) -> list[tuple[str, ast.expr]]:
    """The attributes of a class, by the names that its code uses. An annotated one may have other values as a field."""
    return [
        (f"{owner}.{dotted_name(target)}", part.value)
        for part in node.body
        if isinstance(part, ast.Assign)
        for target in _targets(part)
        for owner in (node.name, "cls", "self")
    ]


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets):
            return [target for target in targets if isinstance(target, ast.Name | ast.Attribute)]
        case ast.AnnAssign(target=target, value=ast.expr()) | ast.NamedExpr(target=target):
            return [target]
    return []


def _added(node: ast.expr) -> list[ast.expr]:
    """What's concatenated there."""
    return [*_added(node.left), node.right] if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add) else [node]


def _up(place: Place | None, count: int = 1) -> Place | None:
    """The folder so many levels above, or None above the bundle."""
    if place is None or len(place.parts) < count:
        return None
    return PurePosixPath(*place.parts[: len(place.parts) - count])


def _below(place: Place | None, text: str) -> Place | None:
    """What the text leads to from there, or None for an absolute path."""
    parts = text.replace("\\", "/").split("/")
    if (not parts[0] and len(parts) > 1) or ":" in parts[0]:
        return None
    for part in parts:
        place = _up(place) if part == ".." else place and place / part
    return place

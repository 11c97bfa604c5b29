"""What a notebook can reach: the modules of both packages that it imports, directly or not.

Read from the sources, nothing is imported. A package whose ``__init__`` only passes on names of its
modules (``figures``, ``features``) leads to the modules of those names that are used. Modules that
change others while they are imported (a decorator that registers, a class that
``__init_subclass__`` sees, a call) are reached by whoever imports their package. Modules that are
only imported by a computed name (``import_module(f"...{name}")``) are reached if the notebook, its
parameters or a reached module say their name. Where it is not clear, more is reached, not less.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from earwitness import cache
from earwitness_book.runner.notebooks import Notebook, text

PACKAGES = ("earwitness", "earwitness_book")
LARGE = ("IPython", "matplotlib", "numpy", "pandas", "scipy", "soundfile", "torch", "yaml")
DRAWN_ANEW = "earwitness_book.records.closing"  # its tables: what its functions import, pages use
_RUNS = (ast.For, ast.While, ast.With, ast.AugAssign, ast.Delete)


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the two packages: its name, file, and syntax tree; the notebook itself is one
    without a file.
    """

    name: str
    path: Path | None
    tree: ast.Module = field(repr=False)
    is_package: bool = False

    @cached_property
    def digest(self) -> str:
        """Return what stands for its content."""
        return cache.file_digest(self.path)[:16]

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Return every node of the tree: walking it takes most of the time here."""
        return list(ast.walk(self.tree))

    @cached_property
    def is_facade(self) -> bool:
        """Tell whether it is a package that only passes on what its modules define."""
        imported = {name for name, _, _ in self.imports}
        return self.is_package and all(_passes_on(node, imported) for node in self.tree.body)

    @cached_property
    def imports(self) -> list[tuple[str, str, str]]:
        """Return (name it has here, module, name there or "") of each import."""
        return list(_imports(self.tree.body if self.name == DRAWN_ANEW else self.nodes))

    @cached_property
    def words(self) -> set[str]:
        """Return every string in it, and the parts of those that are joined by ``+`` or ``:``."""
        found = {
            node.value
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        return found | {part for word in found for part in word.replace(":", "+").split("+")}

    @cached_property
    def used(self) -> dict[str, set[str | None]]:
        """Return name -> the attributes that are asked of it; ``None`` among them: it is used in
        another way.
        """
        found: dict[str, set[str | None]] = {}
        inner = set()
        for node in self.nodes:
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.setdefault(node.value.id, set()).add(node.attr)
                inner.add(node.value)
            elif isinstance(node, ast.Name) and node not in inner:
                found.setdefault(node.id, set()).add(None)
        return found

    @cached_property
    def computed(self) -> list[str]:
        """Return the beginnings of the module names that it imports by a computed name."""
        return [
            _beginning(call.args[0], self.name)
            for call in self.nodes
            if isinstance(call, ast.Call) and _last(call.func) == "import_module" and call.args
        ]


def _passes_on(node: ast.stmt, imported: set[str]) -> bool:
    """Tell whether a statement imports, documents, lists names, or passes on those of modules when
    asked.
    """
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        parts = ast.walk(node.value) if node.value else ()
        return not any(isinstance(part, ast.Name) and part.id in imported for part in parts)
    if isinstance(node, ast.FunctionDef):
        return node.name in ("__getattr__", "__dir__")
    return isinstance(node, (ast.Import, ast.ImportFrom)) or _is_docstring(node)


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imports(nodes: list[ast.AST]) -> Iterator[tuple[str, str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((each.asname or each.name, each.name, "") for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((each.asname or each.name, node.module, each.name) for each in node.names)


def _last(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def _first(node: ast.expr) -> str:
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return getattr(node, "id", "")


def _beginning(name: ast.expr, module: str) -> str:
    """Return what is known of a computed module name: ``"earwitness.corpora."`` of
    ``f"earwitness.corpora.{name}"``.
    """
    parts = name.values if isinstance(name, ast.JoinedStr) else [name]
    known = ""
    for part in parts:
        if isinstance(part, ast.FormattedValue) and _last(part.value) in (
            "__name__",
            "__package__",
        ):
            known += module
        elif isinstance(part, ast.Constant):
            known += str(part.value)
        else:
            break
    return known


class Graph:
    """The modules of both packages, and which ones a notebook reaches."""

    def __init__(self, folders: Mapping[str, Path]):
        self.modules = {
            module.name: module
            for name, folder in folders.items()
            for module in _modules(name, folder)
        }
        self._registering = _registering(self.modules.values())
        self._acts: dict[str, bool] = {}

    def reached(self, notebook: Notebook, values: Mapping[str, object]) -> dict[str, Module]:
        """Return the modules that a notebook reaches with these values of its parameters, by
        name.
        """
        return _Walk(self, _of_notebook(notebook.path, notebook.source), set(strings(values))).found

    def libraries(self, notebook: Notebook, modules: Iterable[str]) -> tuple[str, ...]:
        """Return what a notebook and the modules that it reaches import of large libraries, first
        thing; a name that is not a module's may be among it.
        """
        start = _of_notebook(notebook.path, notebook.source)
        found = {
            name
            for module in (start, *(self.modules[name] for name in modules))
            for _, source, there in _imports(module.tree.body)
            if source.split(".")[0] in LARGE
            for name in (source, f"{source}.{there}" if there else source)
        }
        return tuple(sorted(found))

    def acts(self, module: Module) -> bool:
        """Tell whether importing a module can change another one."""
        if module.name not in self._acts:
            self._acts[module.name] = self._changes_others(module)
        return self._acts[module.name]

    def _changes_others(self, module: Module) -> bool:
        ours = {name for name, source, _ in module.imports if source.split(".")[0] in PACKAGES}
        for node in module.tree.body:
            if isinstance(node, _RUNS) or (isinstance(node, ast.Expr) and not _is_docstring(node)):
                return True
            if isinstance(node, ast.Assign) and not all(
                isinstance(part, (ast.Name, ast.Tuple)) for part in node.targets
            ):
                return True
            if any(_first(each) in ours for each in getattr(node, "decorator_list", ())):
                return True
            if any(_last(base) in self._registering for base in getattr(node, "bases", ())):
                return True
        return False


class _Walk:
    """One walk from a notebook along the imports."""

    def __init__(self, graph: Graph, start: Module, words: set[str]):
        self.graph, self.found, self.touched = graph, {}, set()
        self.words, self.beginnings = words | start.words, set(start.computed)
        self._follow(start)
        while more := [name for name in self._named() if name not in self.found]:
            for name in more:
                self.reach(name)

    def reach(self, name: str, attribute: str | None = None) -> None:
        """Reach a module, or what one name of it leads to."""
        module = self.graph.modules.get(name)
        if module is None:
            return
        known = name in self.found
        self.found[name] = module
        if module.is_facade and attribute is not None:
            self._pass_on(module, attribute)
        elif not known or module.is_facade:
            self.words |= module.words
            self.beginnings |= set(module.computed)
            self._follow(module, everything=module.is_facade and attribute is None)

    def _pass_on(self, facade: Module, attribute: str) -> None:
        bound = [(source, there) for name, source, there in facade.imports if name == attribute]
        if f"{facade.name}.{attribute}" in self.graph.modules:
            self.reach(f"{facade.name}.{attribute}")
        elif not bound:  # its __getattr__, if it has one, imports a module by a computed name
            self.words |= facade.words
            self.beginnings |= set(facade.computed)
        for source, there in bound:
            self._name(source, there)

    def _follow(self, module: Module, everything: bool = False) -> None:
        if (module.name, everything) in self.touched:
            return
        self.touched.add((module.name, everything))
        for name, source, there in module.imports:
            if source.split(".")[0] not in PACKAGES:
                continue
            target = f"{source}.{there}" if f"{source}.{there}" in self.graph.modules else ""
            whole = target or (source if not there else "")
            if whole and not everything and self._is_facade(whole) and name in module.used:
                self._enter(whole)
                for attribute in module.used[name]:
                    self.reach(whole, attribute)
            else:
                self._name(source, there)

    def _name(self, source: str, there: str) -> None:
        """Reach what ``from source import there`` binds."""
        target = f"{source}.{there}"
        if not there or target in self.graph.modules:
            self._enter(target if there else source)
            self.reach(target if there else source)
        else:
            self._enter(source)
            self.reach(source, None if there == "*" else there)

    def _enter(self, name: str) -> None:
        """Run what an import runs on the way to a module: the packages above it."""
        for above in (*_above(name), name):
            module = self.graph.modules.get(above)
            if module is None or not module.is_package:
                continue
            if module.is_facade:
                self.found.setdefault(above, module)
                self._touch(module)
            else:
                self.reach(above)

    def _touch(self, module: Module) -> None:
        """Reach what acts when a module is imported, of all that it imports in turn."""
        if module.name in self.touched:
            return
        self.touched.add(module.name)
        if not module.is_facade and self.graph.acts(module):
            self.reach(module.name)
        for _, source, there in module.imports:
            for name in (*_above(source), source, f"{source}.{there}"):
                if name in self.graph.modules:
                    self._touch(self.graph.modules[name])

    def _is_facade(self, name: str) -> bool:
        return name in self.graph.modules and self.graph.modules[name].is_facade

    def _named(self) -> Iterator[str]:
        """Yield the modules that are imported by a computed name, and whose name is said
        somewhere.
        """
        for beginning in self.beginnings:
            if beginning.split(".")[0] in PACKAGES:
                yield from (
                    name
                    for name in self.graph.modules
                    if name == beginning
                    or (name.startswith(beginning) and name.rsplit(".", 1)[-1] in self.words)
                )


def _above(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:number]) for number in range(1, len(parts))]


def _registering(modules: Iterable[Module]) -> set[str]:
    """Return the names of the classes whose subclasses are noticed when they are written."""
    classes = [
        node for module in modules for node in module.tree.body if isinstance(node, ast.ClassDef)
    ]
    found = {
        node.name
        for node in classes
        if any(getattr(inner, "name", "") == "__init_subclass__" for inner in node.body)
    }
    while more := {
        node.name
        for node in classes
        if node.name not in found and any(_last(base) in found for base in node.bases)
    }:
        found |= more
    return found


def _modules(package: str, folder: Path) -> Iterator[Module]:
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join((package, *(parts[:-1] if is_package else parts)))
        yield Module(
            name, path, _tree(path, path.stat().st_mtime_ns, path.stat().st_size), is_package
        )


@lru_cache(maxsize=1000)
def _tree(path: Path, _time: int, _size: int) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


@lru_cache(maxsize=100)
def _of_notebook(path: Path, source: str) -> Module:
    content = Notebook(path, source).content()
    cells = [text(cell) for cell in content["cells"] if cell["cell_type"] == "code"]
    return Module("", None, ast.Module([node for cell in cells for node in _statements(cell)], []))


def _statements(cell: str) -> list[ast.stmt]:
    """Return the statements of a cell; of one that is not Python alone, those of its lines that are
    imports.
    """
    try:
        return ast.parse(cell).body
    except SyntaxError:
        lines = [line.strip() for line in cell.splitlines()]
        return [
            node for line in lines if line.startswith(("import ", "from ")) for node in _line(line)
        ]


def _line(line: str) -> list[ast.stmt]:
    try:
        return ast.parse(line).body
    except SyntaxError:
        return []


def said(modules: Iterable[Module], values) -> set[str]:
    """Return every word that modules or parameters say: a name that is not among them is loaded by
    nobody.
    """
    return set(strings(values)).union(*(module.words for module in modules))


def texts(values) -> Iterator[str]:
    """Yield the texts in parameters, however deep."""
    if isinstance(values, str):
        yield values
    elif isinstance(values, Mapping):
        yield from (word for value in values.values() for word in texts(value))
    elif isinstance(values, (list, tuple)):
        yield from (word for value in values for word in texts(value))


def strings(values) -> Iterator[str]:
    """Yield the texts in parameters, and the parts of ``aev+fsdd`` and ``module:Class``."""
    for word in texts(values):
        yield from (word, *word.replace(":", "+").split("+"))

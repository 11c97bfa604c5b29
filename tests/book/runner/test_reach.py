"""What a notebook can reach, on two small packages and on the real ones."""

from importlib import import_module

import pytest
import toy

from earwitness_book.runner import execute, keys, notebooks, reach

SOURCES = {
    "__init__": '"""Doc."""',
    "cache": "X = 1",
    "shapes/__init__": "from earwitness.shapes.round import circle\n"
    "from earwitness.shapes.flat import line\n"
    "__all__ = ['circle', 'line']",
    "shapes/round": "from earwitness import cache\ndef circle(): return cache.X",
    "shapes/flat": "def line():\n    from earwitness import lazy",
    "lazy": "",
    "methods/__init__": "from earwitness.methods import plain, clever\n"
    "from earwitness.methods.registry import call",
    "methods/registry": "KNOWN = {}\ndef register(f):\n    KNOWN[f.__name__] = f\n    return f\n"
    "def call(n): return KNOWN[n]()",
    "methods/plain": "def nothing(): pass",
    "methods/clever": "from earwitness.methods.registry import register\n"
    "@register\ndef best(): return 1",
    "sounds/__init__": "from importlib import import_module\n"
    "def load(name):\n    return import_module(f'earwitness.sounds.{name}')",
    "sounds/bell": "",
    "sounds/drum": "",
    "kinds/__init__": "from earwitness.kinds import b\nfrom earwitness.kinds.base import Base",
    "kinds/base": "class Base:\n    def __init_subclass__(cls): pass",
    "kinds/b": "from earwitness.kinds.base import Base\nclass B(Base): pass",
    "late/__init__": "from importlib import import_module\n"
    "from earwitness.late.soon import now\n_HOME = {'then': 'last'}\n"
    "def __getattr__(name):\n    return getattr(import_module(f'{__name__}.{_HOME[name]}'), name)",
    "late/soon": "def now(): pass",
    "late/last": "def then(): pass",
    "never": "import earwitness.sounds.drum",
}


@pytest.fixture
def reached(tmp_path):
    """Return a function: source of a notebook, values of its parameters -> names of the modules
    that it reaches.
    """
    for name, source in SOURCES.items():
        path = tmp_path / "earwitness" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)

    def find(*cells, **values):
        path = tmp_path / "toy" / "01-a.ipynb"
        toy.write_notebook(path, [toy.code(cell) for cell in cells])
        graph = reach.Graph({"earwitness": tmp_path / "earwitness"})
        found = graph.reached(notebooks.Notebook(path, path.read_text()), values)
        return {name.removeprefix("earwitness.") for name in found} - {"earwitness"}

    return find


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["n = 1"], set()),
        (["import earwitness.cache"], {"cache"}),
        (["from earwitness.shapes.round import circle"], {"shapes", "shapes.round", "cache"}),
        (["from earwitness import shapes", "shapes.line()"], {"shapes", "shapes.flat", "lazy"}),
        (["from earwitness import shapes as s", "s.circle()"], {"shapes", "shapes.round", "cache"}),
        (["from earwitness.shapes import line"], {"shapes", "shapes.flat", "lazy"}),
        (
            ["from earwitness import shapes", "print(shapes)"],
            {"shapes", "shapes.round", "shapes.flat", "cache", "lazy"},
        ),
        (
            ["from earwitness.shapes import *"],
            {"shapes", "shapes.round", "shapes.flat", "cache", "lazy"},
        ),
        (["%matplotlib inline\nfrom earwitness import cache"], {"cache"}),
        (
            ["from earwitness import methods", "methods.call('best')"],
            {"methods", "methods.registry", "methods.clever"},
        ),
        (["from earwitness import late", "late.now()"], {"late", "late.soon"}),
        (["from earwitness import late", "late.then()"], {"late", "late.last"}),
        (["from earwitness.kinds import Base"], {"kinds", "kinds.base", "kinds.b"}),
    ],
)
def test_what_is_imported_directly_or_not_is_reached_and_nothing_else(reached, cells, expected):
    assert reached(*cells) == expected


def test_a_module_of_a_computed_name_is_reached_by_those_who_say_the_name(reached):
    load = "from earwitness import sounds\nsounds.load(corpus)"
    assert reached(load, corpus="bell") == {"sounds", "sounds.bell"}
    assert reached(load, corpora=["bell+drum"]) == {"sounds", "sounds.bell", "sounds.drum"}
    assert reached(load, "corpus = 'drum'", corpus="bell") == {
        "sounds",
        "sounds.bell",
        "sounds.drum",
    }


def test_one_changed_module_executes_exactly_the_notebooks_that_import_it(
    make_toy, tmp_path, monkeypatch
):
    library = tmp_path / "library" / "earwitness"
    for name, source in SOURCES.items():
        (library / f"{name}.py").parent.mkdir(parents=True, exist_ok=True)
        (library / f"{name}.py").write_text(source)
    cells = {
        "02-round": "from earwitness import shapes\nshapes.circle",
        "03-flat": "from earwitness import shapes\nshapes.line",
        "04-none": "n = 1",
    }
    make_toy(
        {
            f"toy/{name}": [
                toy.words("# A"),
                toy.code("n: int = 1", ["parameters"]),
                toy.code(cell),
            ]
            for name, cell in cells.items()
        }
    )
    monkeypatch.setattr(keys, "_package", lambda name: library)

    def digests():
        around = execute.environment_fingerprint()
        return {
            name: execute.prepare(notebooks.find(name), "demo", {}, around).specification
            for name in cells
        }

    before = digests()
    for module, executed in {
        "cache": {"02-round"},
        "lazy": {"03-flat"},
        "shapes/__init__": {"02-round", "03-flat"},
        "never": set(),
        "methods/plain": set(),
    }.items():
        path = library / f"{module}.py"
        path.write_text(path.read_text() + "\n# changed")
        after = digests()
        assert {name for name in cells if after[name] != before[name]} == executed, module
        before = after


@pytest.fixture(scope="module")
def around():
    return execute.environment_fingerprint()


def test_a_chapters_analysis_is_reached_by_its_own_notebook_alone(around):
    reaching = [
        notebook.id
        for notebook in notebooks.every()
        if "earwitness_book.chapters.disturbances"
        in execute.prepare(notebook, "smoke", {}, around).specification["modules"]
    ]
    assert reaching == ["speech-quality/occlusion"]


@pytest.mark.parametrize("notebook", notebooks.every(), ids=lambda notebook: notebook.id)
def test_wherever_python_finds_what_a_notebook_uses_is_reached(around, notebook):
    reached = set(execute.prepare(notebook, "smoke", {}, around).specification["modules"])
    source = reach._of_notebook(notebook.path, notebook.source)
    for name, module, there in source.imports:
        if module.split(".")[0] not in reach.PACKAGES:
            continue
        whole = f"{module}.{there}" if there else module
        found = (
            import_module(whole)
            if whole in around.graph.modules
            else getattr(import_module(module), there)
        )
        attributes = [getattr(found, each, None) for each in source.used.get(name, ()) if each]
        homes = {getattr(each, "__module__", None) for each in (found, *attributes)}
        assert {home for home in homes if home in around.graph.modules} <= reached, (
            name,
            homes - reached,
        )


def test_how_a_number_is_written_and_a_verdict_given_executes_no_notebook(around):
    for notebook in notebooks.every():
        reached = execute.prepare(notebook, "smoke", {}, around).specification["modules"]
        drawn = {f"earwitness_book.records.{name}" for name in ("board", "numbers", "verdicts")}
        assert not drawn & set(reached), notebook.id

"""Names of the first edition lead to those of today, and say so."""

import subprocess
import sys
from importlib import import_module

import pytest

from earwitness import former


@pytest.mark.parametrize("old", former.MODULES)
def test_a_module_is_found_under_its_former_name(old):
    sys.modules.pop(old, None)
    with pytest.warns(FutureWarning, match="now"):
        found = import_module(old)
    assert found is import_module(former.MODULES[old])


@pytest.mark.parametrize(
    ("module", "name"), [(m, n) for m in former.NAMES for n in former.NAMES[m]]
)
def test_a_name_is_found_under_its_former_name(module, name):
    target, _, inside = former.NAMES[module][name].partition(":")
    today = getattr(import_module(target), inside) if inside else import_module(target)
    vars(import_module(module)).pop(name, None)  # a module of that name may have been imported
    with pytest.warns(FutureWarning, match="now"):
        assert getattr(import_module(module), name) is today


def test_other_names_are_still_errors():
    with pytest.raises(ImportError):
        import_module("earwitness.corpora.nothing")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(import_module("earwitness.features"), "nothing")  # noqa: B009


def test_from_imports_work_in_a_fresh_process():
    code = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from earwitness import project\nfrom earwitness.corpora.codecs import through_codec\n"
        "from earwitness.corpora.base import read_audio, check_samples\nprint(project.root())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

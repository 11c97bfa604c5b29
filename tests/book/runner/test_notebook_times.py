"""The table of what notebooks cost, from what their executions note."""

import pytest
import toy

from benchmarks import notebooks as times
from earwitness.errors import MissingDataError
from earwitness_book.runner import execute, notebooks, site

BUSY = """\
import time
end = time.process_time() + 0.4
while time.process_time() < end:
    pass
print('done')"""


def test_each_notebook_has_its_processor_seconds_and_the_cells_that_take_most(make_toy, capsys):
    make_toy(
        {
            "toy/02-busy": [
                toy.words("# Busy"),
                toy.code("n: int = 1", ["parameters"]),
                toy.code(BUSY),
            ]
        }
    )
    with pytest.raises(MissingDataError, match="earwitness build --profile demo"):
        times.rows("demo")
    job = execute.prepare(notebooks.find("busy"), "demo", {}, execute.environment_fingerprint())
    execute.place(execute.execute(job), site.folder("demo") / "executed")
    (row,) = times.rows("demo")
    assert row["notebook"] == "toy/busy" and row["processor_s"] >= 0.4
    assert "in cell 3: print('done')" in row["where"][0]
    times.main("demo")
    assert "toy/busy" in capsys.readouterr().out

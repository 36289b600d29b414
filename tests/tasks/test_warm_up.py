"""What is compiled, is compiled before the work begins."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"
PROGRAM = """
import sys
from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.library import Library
from screenkit.graph.graph import GraphSettings
from screenkit.tasks.featurize import featurize, warm_up

def compiled():
    rooms = [room for name, room in sys.modules.items() if name.startswith("screenkit")]
    found = [one for room in rooms for one in vars(room).values() if hasattr(one, "py_func")]
    return {(one.py_func.__qualname__, kind) for one in found for kind in one.signatures}

settings = GraphSettings(frames=True)
warm_up(settings)
before = compiled()
library = Library.open(sys.argv[1])
(documents,) = library.deliver([(0, len(library))])
for _ in featurize(documents, CheckSettings(), settings, {}, None):
    pass
assert before and compiled() == before, compiled() - before
"""


@pytest.mark.slow
def test_after_warming_up_no_kernel_is_compiled_for_a_structure():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(EXAMPLES)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr

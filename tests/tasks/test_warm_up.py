"""What is compiled, is compiled before the work begins."""

import subprocess
import sys
from pathlib import Path

import pytest

from screenkit.executors.executor import Compiled
from screenkit.graph.graph import GraphSettings
from screenkit.tasks import featurize
from screenkit.tasks.clean import CleanTask
from screenkit.tasks.explain import ExplainTask
from screenkit.tasks.featurize import FeaturizeTask, warm_up
from screenkit.tasks.label import LabelTask
from screenkit.tasks.predict import PredictTask

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
warm_up(settings, print)
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


@pytest.mark.parametrize("task", [CleanTask, ExplainTask, FeaturizeTask, LabelTask, PredictTask])
def test_a_job_on_another_machine_can_compile_what_its_task_needs(task: type):
    assert isinstance(object.__new__(task), Compiled)


@pytest.mark.parametrize("kept", [True, False])
def test_compiling_is_told_before_it_begins_and_nothing_is_said_without_it(
    kept: bool, monkeypatch: pytest.MonkeyPatch
):
    told: list[str] = []
    monkeypatch.setattr(featurize, "is_kept", lambda _: kept)
    warm_up(GraphSettings(), told.append)
    assert [line.split(",")[0] for line in told] == ([] if kept else ["compiling"])

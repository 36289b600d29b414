"""Freed memory stays with the process. In a process of its own: its C library is then as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, numpy
from screenkit.models.memory import keep_freed_memory
if {keep}:
    keep_freed_memory()

def work():
    arrays = [numpy.ones(2**22, numpy.uint8) for _ in range(10)]

work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's alone")
def test_arrays_that_follow_others_find_their_pages_in_place():
    faults = [
        int(subprocess.check_output([sys.executable, "-c", SCRIPT.format(keep=keep)]))
        for keep in (False, True)
    ]
    assert faults[1] < 100 and faults[1] < faults[0]

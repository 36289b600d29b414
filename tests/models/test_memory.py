"""Freed memory stays with the process. In a process of its own: its C library is then as it was."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, numpy
from screenkit.models.memory import keep_freed_memory, return_freed_memory
{first}

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
    keep = "keep_freed_memory()"
    faults = [
        int(subprocess.check_output([sys.executable, "-c", SCRIPT.format(first=first)]))
        for first in ("", keep, f"{keep}; return_freed_memory()")  # the last: a second driver
    ]
    assert max(faults[1:]) < 100 and max(faults[1:]) < faults[0]

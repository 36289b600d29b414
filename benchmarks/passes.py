"""Whole passes from files on disk to rows on disk: by screenkit, and by the published CGCNN.

    python -m benchmarks.passes ours|published FOLDER

does one pass over a folder of CIFs in this fresh process, and prints its peak memory in MiB.
"""

from __future__ import annotations

import csv
import itertools
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import torch

from benchmarks import peers
from benchmarks.record import one_core
from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.library import Library
from screenkit.executors.executor import Work
from screenkit.executors.serial import SerialExecutor
from screenkit.models.catalog import model_class
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.shelf import shipped
from screenkit.models.target import Target
from screenkit.plan import Plan
from screenkit.tasks.predict import PredictTask
from screenkit.tasks.predict_settings import Precision, PredictSettings

TARGETS = 5


def checkpoint_of(model: str, folder: Path) -> Path:
    """Return the file of a model: the package's own, or one with weights as torch draws them."""
    if model in shipped():
        return shipped()[model]
    path = folder / f"{model}.safetensors"
    if not path.exists():
        kind = model_class(model)
        settings = kind.settings_class()
        targets = tuple(Target(name=f"t{i}") for i in range(TARGETS))
        made = Checkpoint(
            model=model,
            settings=settings,
            graph=kind.graph_settings(settings),
            targets=targets,
            means=torch.zeros(TARGETS).double().numpy(),
            deviations=torch.ones(TARGETS).double().numpy(),
            weights=kind(settings, TARGETS).state_dict(),
            record={},
        )
        path.write_bytes(made.to_bytes())
    return path


class OurPass:
    """One shard of a library, from its files to its rows, as a serial run does it."""

    def __init__(self, library: Path, model: str, precision: Precision, folder: Path) -> None:
        self.library = Library.open([library])
        self.plan = Plan(len(self.library), self.library.digest, len(self.library))
        self.path = checkpoint_of(model, folder)
        self.digest = Checkpoint.load(self.path).digest
        self.settings = PredictSettings(device="cpu", precision=precision)
        self.places = (folder / f"rows-{model}-{precision}-{i}" for i in itertools.count())

    def __len__(self) -> int:
        return len(self.library)

    def __call__(self) -> None:
        task = PredictTask(
            folder=next(self.places),
            stamp=self.plan.stamp,
            checkpoint=self.path,
            digest=self.digest,
            checks=CheckSettings(),
            settings=self.settings,
        )
        work = Work(tuple(self.plan.shards), self.library)
        for report in SerialExecutor().run(task, work):
            if report.ok != len(self):
                sys.exit(f"{report.ok} of {len(self)} structures have a prediction: {report.codes}")


class PublishedPass:
    """What the published CGCNN does: read, find all neighbours to 8 Å, sort, its network, a table.

    Structures go through the network one by one, which is quicker on a core than many at once.
    """

    def __init__(self, files: list[Path], folder: Path) -> None:
        self.files, self.table = files, folder / "published.csv"
        self.network = peers.PublishedCgcnn().eval()

    def __call__(self) -> None:
        with self.table.open("w", newline="") as file, torch.inference_mode():
            rows = csv.writer(file)
            for path in self.files:
                structure = peers.read_by_pymatgen(path.read_bytes())
                given = peers.tensors(structure, *peers.neighbors_by_pymatgen(structure))
                rows.writerow([path.stem, float(self.network(*given, [len(structure)]))])


def peak_memory(who: str, folder: Path) -> int:
    """Return the peak memory of one pass over a folder of CIFs in a fresh process, MiB."""
    command = [sys.executable, "-m", "benchmarks.passes", who, str(folder)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def _peak_of_this_process() -> int:
    """Return MiB. Not `getrusage`, which knows what the parent held when it began this one."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


def main() -> None:
    who, folder = sys.argv[1], Path(sys.argv[2])
    warnings.simplefilter("ignore")
    one_core()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        if who == "ours":
            OurPass(folder, "knagcn", "float32", Path(place))()
        else:
            PublishedPass(sorted(folder.glob("*.cif")), Path(place))()
    print(_peak_of_this_process())


if __name__ == "__main__":
    main()

"""Predict the structures of one shard: read, build graphs, run the network, write the rows.

A thread reads and builds graphs ahead while the network runs; where the worker has readers, they do
it and the thread collects. Batches are made of neighbours in
the library's order, so that a shard that is done again gives the same numbers to the last bit.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.document import Document
from screenkit.errors import MismatchError, UsageError
from screenkit.executors.executor import ShardReport
from screenkit.executors.readers import readers
from screenkit.graph.batch import Cargo, GraphBatch, load, pack
from screenkit.graph.graph import Graph
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.contract import Model
from screenkit.models.domain import Scope
from screenkit.models.memory import keep_freed_memory
from screenkit.plan import Shard
from screenkit.store.row import Row
from screenkit.store.shard_file import write_shard
from screenkit.tasks.ahead import ahead
from screenkit.tasks.featurize import featurize_ahead, report, warm_up
from screenkit.tasks.gauge import Gauge
from screenkit.tasks.judge import NOT_FINITE, Seen, columns_of, judge
from screenkit.tasks.predict_settings import Precision, PredictSettings

_BATCHES_AHEAD = 2
_BATCH_ATOMS = {"cpu": 4096, "cuda": 65536}
_GAUGE = Gauge()
_LOADING = threading.Lock()  # a worker that takes two shards at once has one network
_Item = TypeVar("_Item")


def resolve_device(device: str, precision: Precision = "float32") -> str:
    """Return `cpu` or a CUDA device from the settings.

    Raises:
        UsageError: a CUDA device is asked for and there is none, or TF32 on the CPU.
    """
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu" and precision == "tf32":
        raise UsageError(
            "--precision tf32: only CUDA devices multiply so, and the network would run on the CPU",
            hint="--precision bfloat16 is for processors, too",
        )
    if device.startswith("cuda"):
        count = torch.cuda.device_count()
        wanted = int(device.partition(":")[2] or 0)
        if wanted >= count:
            raise UsageError(
                f"--device {device}: torch {torch.__version__} sees {count} CUDA devices",
                hint="use --device cpu, or install a CUDA build of torch",
            )
    return device


def count_devices(device: str) -> int:
    """Return among how many CUDA devices the work may be divided, by the setting.

    None on the CPU; nor where one device is named by its number.
    """
    return torch.cuda.device_count() if resolve_device(device) == "cuda" else 0


@functools.lru_cache(maxsize=2)
def load_network(path: Path, digest: str, device: str) -> tuple[Checkpoint, Model, Scope | None]:
    """Return a checkpoint, its network and its domain on a device; read once in each process.

    Raises:
        MismatchError: the file is no longer the one that the run began with.
    """
    keep_freed_memory()
    checkpoint = Checkpoint.load(path)
    if checkpoint.digest != digest:
        raise MismatchError(
            f"{path} changed while the run was going on",
            hint="put the old checkpoint back, or start anew with another --output",
        )
    scope = None if checkpoint.domain is None else Scope(checkpoint.domain).to(device)
    return checkpoint, checkpoint.build().to(device), scope


@dataclass(frozen=True)
class PredictTask:
    """Predict one shard and publish its rows."""

    folder: Path
    """Where the shard files go."""
    stamp: str
    """Hash of the plan that the shard belongs to."""
    checkpoint: Path
    digest: str
    """sha256 of the checkpoint."""
    checks: CheckSettings
    settings: PredictSettings

    def __call__(
        self, shard: Shard, documents: Sequence[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        started = time.monotonic()
        rows, arrays = self._rows(documents, lost)
        columns = columns_of(self.network()[0], self.settings.level)
        targets = [column["name"] for column in columns]
        write_shard(self.folder, shard, rows, targets, self.stamp, arrays)
        return with_gauge(report(shard, rows, time.monotonic() - started))

    def warm_up(self, note: Callable[[str], None]) -> None:
        """Compile what the work needs, but for the network."""
        warm_up(Checkpoint.load(self.checkpoint).graph, note)

    def attempt(self, documents: Sequence[Document]) -> None:
        """Do the same work and keep nothing; for finding out which document kills a worker."""
        self._rows(documents, {})

    def network(self) -> tuple[Checkpoint, Model]:
        """Return the checkpoint and its network on the device."""
        return self._loaded()[:2]

    def _loaded(self) -> tuple[Checkpoint, Model, Scope | None]:
        with _LOADING:
            device = resolve_device(self.settings.device, self.settings.precision)
            return load_network(self.checkpoint, self.digest, device)

    def _batch_atoms(self) -> int:
        on_cpu = resolve_device(self.settings.device) == "cpu"
        return self.settings.batch_atoms or _BATCH_ATOMS["cpu" if on_cpu else "cuda"]

    def _rows(
        self, documents: Sequence[Document], lost: Mapping[str, str]
    ) -> tuple[list[Row], dict[str, np.ndarray]]:
        """Return one row per document, in their order, and what else is kept of them."""
        checkpoint, _, scope = self._loaded()
        rows: list[Row] = []
        seen: list[Seen | None] = [None] * len(documents)
        run = functools.partial(see, scope, self.settings.precision)
        half = self.settings.precision == "bfloat16"
        for place, graph, found in self.walk(documents, lost, rows, run, half):
            seen[place] = found
            rows[place] = without_memory(rows[place], graph, found is None)
        return judge(rows, seen, checkpoint, self.settings.level)

    def walk(
        self,
        documents: Sequence[Document],
        lost: Mapping[str, str],
        rows: list[Row],
        run: Callable[[Model, Sequence[Graph], Cargo | None], Sequence[_Item | None]],
        half: bool = False,
    ) -> Iterator[tuple[int, Graph, _Item | None]]:
        """Yield place in `rows`, graph and result of each structure that reaches the network.

        Args:
            rows: empty; takes the row of each document, in their order, ahead of its result.
            run: gives a result per graph, None where memory does not allow it; may be given the
                graphs as cargo too.
            half: whether vectors in half precision will do.

        Raises:
            ReaderLostError: a structure has killed a process that builds graphs.
        """
        checkpoint, network = self.network()
        waiting: list[int] = []  # places in `rows` whose graphs are on their way to the network

        def graphs() -> Iterator[Graph]:
            known = network.elements
            found = featurize_ahead(documents, self.checks, checkpoint.graph, lost, known, half)
            for row, graph in found:
                rows.append(row)
                if graph is not None:
                    waiting.append(len(rows) - 1)
                    yield graph

        done = 0
        device = next(network.parameters()).device
        packed = ((some, pinned(some, device)) for some in pack(graphs(), self._batch_atoms()))
        for some, cargo in ahead(packed, _BATCHES_AHEAD):
            with _GAUGE.running(queue=len(waiting) - done - len(some)):
                results = run(network, some, cargo)
            for graph, result in zip(some, results, strict=True):
                yield waiting[done], graph, result
                done += 1


def with_gauge(report: ShardReport) -> ShardReport:
    """Return the report with what the gauge says, where this process has readers."""
    if readers() is None:
        return report
    busy, watched, queue = _GAUGE.read()
    return dataclasses.replace(report, busy=busy, watched=watched, queue=queue)


def pinned(graphs: Sequence[Graph], device: torch.device) -> Cargo | None:
    """Return the graphs as cargo that CUDA copies without waiting; None for other devices."""
    if device.type != "cuda":
        return None
    try:
        return load(graphs, pinned=True)
    except (RuntimeError, MemoryError):  # too large; `as_memory_allows` takes less at a time
        return None


def see(
    scope: Scope | None,
    precision: Precision,
    network: Model,
    graphs: Sequence[Graph],
    cargo: Cargo | None = None,
) -> list[Seen | None]:
    """Return what the network says of each graph; None where memory does not allow it."""

    device = next(network.parameters()).device

    def work(batch: GraphBatch) -> list[Seen]:
        with torch.inference_mode():
            with _multiplying(precision, device):
                outputs, embeddings = network.each(batch)
            values = outputs.float().cpu().numpy()
            if scope is None:
                return [Seen(one, None, np.nan) for one in values]
            points, distances = scope(embeddings.float())
            found = zip(values, points.cpu().numpy(), distances.tolist(), strict=True)
            return [Seen(*one) for one in found]

    return as_memory_allows(work, graphs, device, cargo)


@contextmanager
def _multiplying(precision: Precision, device: torch.device) -> Iterator[None]:
    """Let matrix products be made in a precision; TF32 is that of the whole process meanwhile."""
    if precision != "tf32":
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def as_memory_allows(
    work: Callable[[GraphBatch], Sequence[_Item]],
    graphs: Sequence[Graph],
    device: torch.device,
    cargo: Cargo | None = None,
) -> list[_Item | None]:
    """Return what `work` makes of each graph; None where memory does not allow it.

    A batch that does not fit into memory is halved, again and again, until each structure has
    been tried alone.

    Args:
        cargo: the graphs, where they are loaded already.
    """
    try:
        cargo = load(graphs) if cargo is None else cargo
        return list(work(cargo.unload(device)))
    except (torch.cuda.OutOfMemoryError, MemoryError):
        pass
    except RuntimeError as error:
        # What torch raises when the CPU's allocator gives up; it has no class of its own.
        if "allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
    if device.type == "cuda":
        torch.cuda.empty_cache()
    if len(graphs) == 1:
        return [None]
    half = len(graphs) // 2
    return as_memory_allows(work, graphs[:half], device) + as_memory_allows(
        work, graphs[half:], device
    )


def without_memory(row: Row, graph: Graph, refused: bool) -> Row:
    """Return the row of a structure that has been to the network; stopped where it was refused."""
    if row.name != graph.name:
        raise RuntimeError(f"the prediction of {graph.name} came to the row of {row.name}")
    if not refused:
        return row
    return row.stopped(
        "out_of_memory", f"{len(graph)} atoms do not fit into the device's memory, even alone"
    )


def finish(row: Row, graph: Graph, output: np.ndarray | None, checkpoint: Checkpoint) -> Row:
    """Return the row of a structure with its predictions alone, or why it has none.

    Args:
        output: (T,) of the network; None where memory did not allow it.
    """
    row = without_memory(row, graph, output is None)
    if output is None:
        return row
    values = checkpoint.restore(output[None])[0]
    if not np.isfinite(values).all():
        return row.stopped("prediction_not_finite", NOT_FINITE)
    return dataclasses.replace(row, values=tuple(values.tolist()))

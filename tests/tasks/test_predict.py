"""Predicting a shard: batches do not change values, and memory that runs out costs one row."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import screenkit
from screenkit.crystal.checks import CheckSettings
from screenkit.crystal.crystal import Crystal
from screenkit.crystal.document import Document
from screenkit.crystal.library import Library
from screenkit.errors import MismatchError, Outcome, UsageError
from screenkit.executors.readers import dismiss, engage
from screenkit.graph.batch import pack
from screenkit.models.cgcnn import Cgcnn, CgcnnSettings
from screenkit.models.checkpoint import Checkpoint
from screenkit.models.target import Target
from screenkit.plan import Shard
from screenkit.store.shard_file import read_shard, shard_path
from screenkit.tasks import predict
from screenkit.tasks.ahead import ahead
from screenkit.tasks.featurize import featurize
from screenkit.tasks.predict import PredictTask, resolve_device, see
from screenkit.tasks.predict_settings import PredictSettings
from tests.crystals import rock_salt, write_cif
from tests.models.tiny import tiny_checkpoint, write_tiny

EXAMPLES = Path(__file__).parents[2] / "examples" / "mofs"
SHIPPED = Path(screenkit.__file__).parent / "models" / "weights" / "knagcn.safetensors"


@pytest.fixture
def documents() -> list[Document]:
    library = Library.open(EXAMPLES)
    (documents,) = library.deliver([(0, len(library))])
    return documents


def task(tmp_path, **settings) -> PredictTask:
    path = write_tiny(tmp_path)
    return PredictTask(
        folder=tmp_path / "shards",
        stamp="s" * 64,
        checkpoint=path,
        digest=predict.Checkpoint.load(path).digest,
        checks=CheckSettings(),
        settings=PredictSettings(device="cpu", **settings),
    )


def rows(tmp_path, documents, **settings):
    shard = Shard(0, 0, len(documents))
    work = task(tmp_path, **settings)
    report = work(shard, documents)
    found = read_shard(shard_path(tmp_path / "shards", shard), shard, "s" * 64).rows()
    assert report.structures == len(documents) == report.ok + report.filtered + report.failed
    return found


def test_every_document_has_one_row_in_its_order(tmp_path, documents):
    found = rows(tmp_path, documents)
    assert [row.name for row in found] == [document.name for document in documents]
    codes = {row.name: row.code for row in found if row.code}
    assert codes == {
        "COF-202": "overlap",
        "HEMVIF_clean": "overlap",
        "unfinished": "missing_coords",
    }
    for row in found:
        assert np.isfinite(row.values).all() == (row.outcome is Outcome.OK)


def test_the_size_of_a_batch_does_not_change_a_value(tmp_path, documents):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    small = rows(tmp_path / "a", documents, batch_atoms=1)
    large = rows(tmp_path / "b", documents, batch_atoms=1_000_000)
    np.testing.assert_allclose(
        [row.values for row in small], [row.values for row in large], atol=1e-5, equal_nan=True
    )


def test_a_network_that_can_hold_one_structure_at_a_time_predicts_all(monkeypatch, documents):
    graphs, network = graphs_and_network(documents)
    whole = outputs(network, graphs)
    limited = Limited(network, structures=1)
    for a, b in zip(whole, outputs(limited, graphs), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert limited.calls > len(graphs)


@pytest.mark.parametrize(
    "error",
    [torch.cuda.OutOfMemoryError("x"), MemoryError(), RuntimeError("DefaultCPUAllocator: can't "
     "allocate memory: you tried to allocate 9 bytes")],
)  # fmt: skip
def test_a_structure_too_large_even_alone_is_a_row_and_the_others_have_values(documents, error):
    graphs, network = graphs_and_network(documents)
    largest = max(len(graph) for graph in graphs)
    found = outputs(Limited(network, atoms=largest - 1, error=error), graphs)
    for graph, output in zip(graphs, found, strict=True):
        assert (output is None) == (len(graph) == largest)


def test_other_runtime_errors_are_not_taken_for_a_lack_of_memory(documents):
    graphs, network = graphs_and_network(documents)
    with pytest.raises(RuntimeError, match="shapes"):
        outputs(Limited(network, atoms=0, error=RuntimeError("shapes differ")), graphs)


def test_a_checkpoint_that_changes_during_the_run_stops_it(tmp_path, documents):
    work = task(tmp_path)
    work.checkpoint.write_bytes(tiny_checkpoint(seed=1).to_bytes())
    with pytest.raises(MismatchError, match="changed while"):
        work(Shard(0, 0, len(documents)), documents)


def test_names_that_killed_a_worker_are_rows_and_are_not_tried(tmp_path, documents):
    shard = Shard(0, 0, len(documents))
    task(tmp_path)(shard, documents, {"IRMOF-1": "signal 11"})
    found = read_shard(shard_path(tmp_path / "shards", shard), shard, "s" * 64).rows()
    row = next(row for row in found if row.name == "IRMOF-1")
    assert (row.outcome, row.code, row.message) == (Outcome.FAILED, "worker_lost", "signal 11")


def test_work_is_made_ahead_and_in_order():
    assert list(ahead(iter(range(50)), depth=3)) == list(range(50))


def test_an_error_in_the_making_is_raised_where_it_is_waited_for():
    def items():
        yield 1
        raise ValueError("broken")

    made = ahead(items(), depth=2)
    assert next(made) == 1
    with pytest.raises(ValueError, match="broken"):
        next(made)


def test_no_more_is_made_ahead_than_the_depth_allows():
    made = []

    def items():
        for i in range(100):
            made.append(i)
            yield i

    waiting = ahead(items(), depth=2)
    next(waiting)
    time.sleep(0.3)
    assert len(made) <= 5
    waiting.close()


def test_a_cuda_device_that_is_not_there_is_an_error_of_usage(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="sees 0 CUDA devices"):
        resolve_device("cuda:0")
    assert resolve_device("auto") == "cpu"


CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")


@pytest.mark.gpu
@CUDA
def test_a_gpu_predicts_what_the_cpu_predicts(documents):
    graphs, network = graphs_and_network(documents)
    on_cpu = outputs(network, graphs)
    on_gpu = outputs(network.to("cuda"), graphs)
    np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("device", "precision", "half", "least"),
    [
        ("cpu", "float32", True, 0.99999),
        ("cpu", "bfloat16", True, 0.9999),
        pytest.param("cuda", "tf32", False, 0.9999, marks=[pytest.mark.gpu, CUDA]),
        pytest.param("cuda", "bfloat16", True, 0.9999, marks=[pytest.mark.gpu, CUDA]),
    ],
)
def test_mofs_rank_in_fewer_bits_as_they_do_in_float32(data, device, precision, half, least):
    checkpoint = Checkpoint.load(SHIPPED)
    library = Library.open(data / "core2019" / "core2019.tar.xz")
    (mofs,) = library.deliver([(0, 600)])
    graphs = graphs_of(mofs, checkpoint)
    assert len(graphs) > 500
    network = checkpoint.build().to(device)
    exact = in_batches(network, graphs, "float32")
    given = [graph.halved() for graph in graphs] if half else graphs
    coarse = in_batches(network, given, precision)
    assert 0 < np.abs(coarse - exact).max() < 0.1  # standardised
    for target in range(exact.shape[1]):
        assert spearmanr(exact[:, target], coarse[:, target]).statistic >= least


def test_vectors_in_half_precision_change_predictions_by_their_rounding_and_no_more(documents):
    graphs, network = graphs_and_network(documents)
    exact = np.array(outputs(network, graphs))
    coarse = np.array(outputs(network, [graph.halved() for graph in graphs]))
    assert 0 < np.abs(coarse - exact).max() < 0.005  # standardised


def test_bfloat16_is_the_same_with_readers_and_without(tmp_path, documents):
    folders = [tmp_path / name for name in ("alone", "fed")]
    for folder in folders:
        folder.mkdir()
    alone = rows(folders[0], documents, precision="bfloat16")
    engage(1)
    try:
        fed = rows(folders[1], documents, precision="bfloat16")
    finally:
        dismiss()
    assert repr(fed) == repr(alone)


def test_tf32_lasts_as_long_as_a_batch():
    assert not torch.backends.cuda.matmul.allow_tf32
    with predict._multiplying("tf32", torch.device("cpu")):
        assert torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cuda.matmul.allow_tf32


def test_tf32_on_the_cpu_is_an_error_of_usage():
    with pytest.raises(UsageError, match="only CUDA devices multiply so") as caught:
        resolve_device("cpu", "tf32")
    assert "--precision bfloat16" in caught.value.hint


def test_bfloat16_changes_predictions_by_its_rounding_and_no_more(documents):
    graphs, network = graphs_and_network(documents)
    exact = np.array(outputs(network, graphs))
    coarse = np.array(outputs(network, graphs, "bfloat16"))
    assert 0 < np.abs(coarse - exact).max() < 0.05  # standardised


def outputs(network, graphs, precision="float32"):
    found = see(None, precision, network, graphs)
    return [None if seen is None else seen.outputs[0] for seen in found]


def in_batches(network, graphs, precision):
    return np.concatenate([outputs(network, some, precision) for some in pack(graphs, 4096)])


def graphs_of(documents, checkpoint):
    pairs = featurize(documents, CheckSettings(), checkpoint.graph, {}, None)
    return [graph for _, graph in pairs if graph is not None]


def graphs_and_network(documents):
    checkpoint = tiny_checkpoint()
    return graphs_of(documents[:8], checkpoint), checkpoint.build()


class Limited(torch.nn.Module):
    """A network on a device that holds so many structures, or so many atoms, and no more."""

    def __init__(self, network, structures=10**9, atoms=10**9, error=None):
        super().__init__()
        self.network, self.structures, self.atoms = network, structures, atoms
        self.error = error or torch.cuda.OutOfMemoryError("stub")
        self.calls = 0

    def each(self, batch):
        self.calls += 1
        if len(batch) > self.structures or len(batch.species) > self.atoms:
            raise self.error
        return self.network.each(batch)


def test_an_element_that_the_model_does_not_know_costs_its_own_row_alone(tmp_path):
    settings = CgcnnSettings(k=6, width=8, layers=1, head_width=8)
    checkpoint = Checkpoint(
        model="cgcnn",
        settings=settings,
        graph=Cgcnn.graph_settings(settings),
        targets=(Target(name="gap", unit="eV"),),
        means=np.zeros(1),
        deviations=np.ones(1),
        weights=Cgcnn(settings, 1).state_dict(),
        record={},
    )
    path = tmp_path / "cgcnn.safetensors"
    path.write_bytes(checkpoint.to_bytes())
    documents = []
    for name, number in (("NaCl", 11), ("NoCl", 102), ("KCl", 19)):
        given = rock_salt()
        numbers = np.where(given.numbers == 11, number, given.numbers)
        salt = Crystal(name, numbers, given.positions, given.lattice)
        write_cif(salt, tmp_path / f"{name}.cif")
        documents.append(Document(name, name, path=tmp_path / f"{name}.cif"))
    work = PredictTask(
        folder=tmp_path / "shards",
        stamp="s" * 64,
        checkpoint=path,
        digest=Checkpoint.load(path).digest,
        checks=CheckSettings(),
        settings=PredictSettings(device="cpu"),
    )
    work(Shard(0, 0, 3), documents)
    found = read_shard(shard_path(tmp_path / "shards", Shard(0, 0, 3)), Shard(0, 0, 3), "s" * 64)
    codes = [(row.name, row.code) for row in found.rows()]
    assert codes == [("NaCl", ""), ("NoCl", "element_unknown_to_model"), ("KCl", "")]
    assert "No" in found.rows()[1].message and len(found.rows()[2].values) == 1

"""Fit a network to labelled graphs, one epoch at a time.

`fit` yields its whole state after every epoch, so that the caller can keep it on disk and go on
from there after a kill: the order of the structures in epoch e depends on the seed and e alone.

Not covered: several devices, early stopping, the search for settings (`learn/propose.py`).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch

from screenkit.graph.batch import collate
from screenkit.graph.graph import Graph
from screenkit.learn.fit_settings import FitSettings
from screenkit.learn.loss import total_loss
from screenkit.models.catalog import model_class
from screenkit.models.contract import Model
from screenkit.models.memory import keep_freed_memory
from screenkit.models.weights_file import from_safetensors, to_safetensors
from screenkit.settings import Settings

_MOMENTUM = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Graphs and what the network should say of each."""

    graphs: Sequence[Graph]
    labels: np.ndarray
    """(n, T) float32, transformed and standardised; for a class 0 or 1; NaN where missing."""
    classes: tuple[bool, ...] = ()
    """(T) which targets are classes; empty: none is."""

    @property
    def is_class(self) -> np.ndarray:
        """(T,) bool."""
        return np.array(self.classes or (False,) * self.labels.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class FitState:
    """All that is needed to go on after an epoch."""

    epoch: int
    """Epochs done."""
    best_epoch: int
    history: tuple[dict[str, float], ...]
    """One entry per epoch: epoch, train_loss, valid_error, learning_rate, seconds."""
    tensors: dict[str, torch.Tensor]
    """`model/…` and `best/…`: weights now and of the best epoch; `optimizer/…`: its moments."""

    @property
    def best(self) -> dict[str, torch.Tensor]:
        """The weights of the best epoch."""
        prefix = "best/"
        return {k[len(prefix) :]: v for k, v in self.tensors.items() if k.startswith(prefix)}

    def to_bytes(self, stamp: str) -> bytes:
        """Return the state as a file; `stamp` says what training it belongs to."""
        header = {
            "stamp": stamp,
            "epoch": self.epoch,
            "best_epoch": self.best_epoch,
            "history": self.history,
        }
        return to_safetensors(self.tensors, header)

    @classmethod
    def from_bytes(cls, data: bytes, stamp: str) -> FitState | None:
        """Return the state in a file, or None where it belongs to another training.

        Raises:
            ValueError: the file is damaged.
        """
        tensors, header = from_safetensors(data)
        if header.get("stamp") != stamp:
            return None
        return cls(header["epoch"], header["best_epoch"], tuple(header["history"]), tensors)


def fit(
    model: str,
    model_settings: Settings,
    train: Examples,
    valid: Examples,
    settings: FitSettings,
    state: FitState | None = None,
    device: str = "cpu",
    first: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> Iterator[FitState]:
    """Train to the last epoch, yielding the state after each; goes on from `state` if given.

    The loss is the mean over all labels that are known, of all targets together: for values of what
    `FitSettings.loss` says, for classes of the cross entropy (natural logarithm).

    Args:
        model: its name in the catalogue.
        model_settings: of that model's settings class.
        train: what the weights are fitted to, in the graphs that the model asks for.
        valid: what chooses the best epoch, by `valid_error`.
        settings: how to train.
        state: what an earlier call with the same arguments yielded last.
        device: `cpu` or a CUDA device.
        first: weights to begin with; those that are missing are drawn.

    Raises:
        CheckpointError: there is no such model.
    """
    keep_freed_memory()
    torch.manual_seed(settings.seed)
    network = model_class(model)(model_settings, train.labels.shape[1]).to(device)
    if state is None:
        network.prepare(train.graphs)
        network.load_state_dict({**network.state_dict(), **first})
    optimizer = _optimizer(network, settings)
    if state is not None:
        _restore(network, optimizer, state)
    history = list(state.history) if state else []
    best = state.best if state else {}
    for epoch in range(state.epoch if state else 0, settings.epochs):
        started = time.monotonic()
        # What a network draws in an epoch must not hang on where the training was stopped.
        torch.manual_seed(int(np.random.SeedSequence([settings.seed, epoch]).generate_state(1)[0]))
        rate = settings.rate(epoch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = _train_epoch(network, optimizer, train, settings, epoch, device)
        _settle_norms(network, train.graphs, settings, device)
        outputs = predict(network, valid.graphs, settings.batch_size, device)
        history.append(
            {
                "epoch": epoch + 1,
                "train_loss": loss,
                "valid_error": valid_error(outputs, valid),
                "learning_rate": rate,
                "seconds": time.monotonic() - started,
            }
        )
        scores = [_known(entry["valid_error"]) for entry in history]
        if scores[-1] == min(scores):
            best = {k: v.detach().cpu().clone() for k, v in network.state_dict().items()}
        yield FitState(
            epoch=epoch + 1,
            best_epoch=int(np.argmin(scores)) + 1,
            history=tuple(history),
            tensors=_tensors(network, optimizer, best),
        )


def valid_error(outputs: np.ndarray, examples: Examples) -> float:
    """Return the one number that the best epoch is chosen by; less is better.

    The mean over the targets that have labels: of a value its mean absolute error, in standard
    deviations of the training set; of a class its log loss (natural logarithm).

    Args:
        outputs: (n, T) float32; what the network says of the examples.
        examples: n of them.
    """
    outputs, labels = outputs.astype(np.float64), examples.labels.astype(np.float64)
    entropy = np.logaddexp(0.0, outputs) - labels * outputs
    errors = np.where(examples.is_class, entropy, np.abs(outputs - labels))
    known = np.isfinite(labels).any(axis=0)
    return float(np.nanmean(errors[:, known], axis=0).mean()) if known.any() else float("nan")


def predict(
    network: Model, graphs: Sequence[Graph], batch_size: int, device: str = "cpu"
) -> np.ndarray:
    """Return (n, T) float32: the network's standardised outputs, in the order of the graphs."""
    network.eval()
    with torch.inference_mode():
        outputs = [
            network(collate(graphs[start : start + batch_size]).to(device)).cpu().numpy()
            for start in range(0, len(graphs), batch_size)
        ]
    return np.concatenate(outputs)


def observe(
    network: Model, graphs: Sequence[Graph], batch_size: int, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Return outputs (n, M, T) and embeddings (n, E) float32; see `Model.each`."""
    outputs, embeddings = [], []
    with torch.inference_mode():
        for start in range(0, len(graphs), batch_size):
            batch = collate(graphs[start : start + batch_size]).to(device)
            said, seen = network.each(batch)
            outputs.append(said.float().cpu().numpy())
            embeddings.append(seen.float().cpu().numpy())
    return np.concatenate(outputs), np.concatenate(embeddings)


def _batches(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the rows of each batch. One structure that is left over joins the batch before: it may
    be a single atom, and a batch norm learns nothing from one row."""
    starts = list(range(0, len(order), size))
    if len(starts) > 1 and len(order) - starts[-1] == 1:
        starts.pop()
    yield from np.split(order, starts[1:])


def _known(error: float) -> float:
    """Return an error that can be compared: NaN, where the training ran away, is the worst."""
    return np.inf if np.isnan(error) else error


def _optimizer(network: Model, settings: FitSettings) -> torch.optim.Optimizer:
    rate, decay = settings.learning_rate, settings.weight_decay
    if settings.optimizer == "sgd":
        return torch.optim.SGD(network.parameters(), rate, momentum=_MOMENTUM, weight_decay=decay)
    return torch.optim.Adam(network.parameters(), rate, weight_decay=decay)


def _train_epoch(
    network: Model,
    optimizer: torch.optim.Optimizer,
    train: Examples,
    settings: FitSettings,
    epoch: int,
    device: str,
) -> float:
    """Return the mean loss of one pass in an order drawn from the seed and the epoch."""
    network.train()
    order = np.random.default_rng([settings.seed, epoch]).permutation(len(train.graphs))
    half = settings.precision == "bfloat16"
    classes = torch.from_numpy(train.is_class).to(device)
    total, known = 0.0, 0
    for rows in _batches(order, settings.batch_size):
        batch = collate([train.graphs[row] for row in rows]).to(device)
        wanted = torch.from_numpy(train.labels[rows]).to(device)
        count = int(torch.isfinite(wanted).sum())
        if not count:
            continue
        with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half):
            outputs = network(batch)
        loss = total_loss(outputs.float(), wanted, classes, settings) / count
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * count
        known += count
    return total / max(known, 1)


def _settle_norms(
    network: Model, graphs: Sequence[Graph], settings: FitSettings, device: str
) -> None:
    """Set each batch norm's statistics to their mean over some batches, with the weights as is.

    The running averages follow weights of many steps ago; with them, the validation error of
    k-NAGCN was up to twice that with these.
    """
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm1d)]
    if not norms or not settings.norm_batches:
        return
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # torch's sign for a plain mean over the batches
    size = settings.batch_size
    stop = min(len(graphs), size * settings.norm_batches)
    order = np.random.default_rng(settings.seed).permutation(len(graphs))
    network.train()
    with torch.no_grad():
        for rows in _batches(order[:stop], size):
            network(collate([graphs[row] for row in rows]).to(device))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum


def _tensors(
    network: Model, optimizer: torch.optim.Optimizer, best: dict[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    now = {f"model/{k}": v.detach().cpu().clone() for k, v in network.state_dict().items()}
    moments = {
        f"optimizer/{place}/{key}": value.detach().cpu().clone()
        for place, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
    }
    return now | moments | {f"best/{k}": v for k, v in best.items()}


def _restore(network: Model, optimizer: torch.optim.Optimizer, state: FitState) -> None:
    weights: dict[str, torch.Tensor] = {}
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in state.tensors.items():
        part, _, rest = key.partition("/")
        if part == "model":
            weights[rest] = value
        elif part == "optimizer":
            place, _, name = rest.partition("/")
            moments.setdefault(int(place), {})[name] = value
    network.load_state_dict(weights)
    optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})

"""The rows of one shard as one sealed HDF5 file, and back.

The file is built in memory and written by `store/publish.py`: on a full disk libhdf5 leaves
half a file and takes the interpreter with it. Reading checks the seal first, then that the file
belongs to this plan and this shard.

Not covered: rows that come one at a time. A shard is small enough to be done again.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import h5py
import numpy as np

from screenkit.errors import Outcome, StorageError
from screenkit.plan import Plan, Shard
from screenkit.store.layout import (
    COLUMNS,
    MESSAGE_LIMIT,
    PREDICTIONS,
    RESERVED,
    SCHEMA_VERSION,
    Product,
)
from screenkit.store.publish import publish, storage_error
from screenkit.store.row import Row
from screenkit.store.seal import LIBVER, SEAL_SIZE, open_sealed, seal

KIND = "shard"
ARRAYS = "arrays"
_Found = TypeVar("_Found")


@dataclass(frozen=True, slots=True)
class Place:
    """Where in its file an array of a shard stands, entry after entry as numpy has them."""

    offset: int
    """Bytes before it."""
    dtype: np.dtype
    shape: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ShardFile:
    """One shard as it stands on disk, checked."""

    path: Path
    shard: Shard
    targets: tuple[str, ...]
    columns: Mapping[str, np.ndarray]
    """Each column of `store/layout.py` by its name on disk, (rows,); texts as bytes."""
    values: np.ndarray
    """(rows, targets), in the unit of each target; its type is the product's."""
    arrays: Mapping[str, np.ndarray]
    """What else the task kept of its structures, such as graphs side by side; often nothing."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """Where each of them stands."""

    def __len__(self) -> int:
        return len(self.values)

    @property
    def outcomes(self) -> Counter[str]:
        """Number of rows by outcome."""
        return Counter(self._texts("outcome"))

    @property
    def codes(self) -> Counter[str]:
        """Number of rows by code; rows that are ok do not count."""
        return Counter(code for code in self._texts("code") if code)

    def rows(self) -> list[Row]:
        """Return the rows, in library order."""
        fields = {
            column.field: (
                self._texts(column.name)
                if column.dtype == "text"
                else self.columns[column.name].tolist()
            )
            for column in COLUMNS
        }
        fields["outcome"] = [Outcome(text) for text in fields["outcome"]]
        fields["values"] = [tuple(row) for row in self.values.tolist()]
        return [
            Row(**dict(zip(fields, row, strict=True))) for row in zip(*fields.values(), strict=True)
        ]

    def _texts(self, name: str) -> list[str]:
        return [text.decode() for text in self.columns[name].tolist()]


def shard_path(folder: Path, shard: Shard) -> Path:
    """Return where the file of a shard stands."""
    return folder / f"{shard.index:06d}.h5"


def write_shard(
    folder: Path,
    shard: Shard,
    rows: Sequence[Row],
    targets: Sequence[str],
    stamp: str,
    arrays: Mapping[str, np.ndarray] = MappingProxyType({}),
    product: Product = PREDICTIONS,
) -> bool:
    """Publish the rows of a shard, one per structure, in library order.

    Args:
        folder: where the shards of this run stand; made where it is missing.
        targets: names, in the order of `Row.values`.
        stamp: `Plan.stamp`.
        arrays: anything else to keep with the rows, by name.
        product: what the targets are.

    Returns:
        False when the file was already there: it stays as it is.

    Raises:
        StorageError: the disk is full, or the file cannot be written.
        ValueError: the rows are not those of the shard. A fault of the caller.
    """
    if len(rows) != len(shard):
        raise ValueError(f"shard {shard.index} has {len(shard)} structures, got {len(rows)} rows")
    if clash := RESERVED.intersection(targets):
        raise ValueError(f"a target cannot be called {sorted(clash)[0]}: a column is")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(folder, error) from error
    return publish(shard_path(folder, shard), _encode(shard, rows, targets, stamp, arrays, product))


def read_shard(path: Path, shard: Shard, stamp: str) -> ShardFile:
    """Return one shard, checked byte by byte before libhdf5 sees it.

    Raises:
        FileNotFoundError: there is none.
        StorageError: it is damaged, or belongs to another shard or another plan.
    """
    return _checked(_decode, path, shard, stamp)


def check_shard(path: Path, shard: Shard, stamp: str) -> Mapping[str, int]:
    """Check one shard as `read_shard` does, without reading what is in its columns.

    Returns:
        Bytes of the longest text of each text column.
    """
    return _checked(_widths, path, shard, stamp)


def _checked(
    look: Callable[[bytes, Path, Shard, str], _Found], path: Path, shard: Shard, stamp: str
) -> _Found:
    data = open_sealed(KIND, path)
    try:
        return look(data, path, shard, stamp)
    except (KeyError, OSError, TypeError, ValueError) as error:
        raise StorageError(f"{path} does not hold what a shard holds: {error}") from None


def read_shards(folder: Path, plan: Plan) -> Iterator[ShardFile]:
    """Yield every shard of a finished stage, in order, checked.

    Raises:
        StorageError: one is missing or damaged, or belongs to another plan.
    """
    yield from _each(read_shard, folder, plan)


def check_shards(folder: Path, plan: Plan) -> Iterator[Mapping[str, int]]:
    """Check every shard of a finished stage as `read_shards` does; yield what `check_shard` gives.

    Raises:
        StorageError: one is missing or damaged, or belongs to another plan.
    """
    yield from _each(check_shard, folder, plan)


def _each(look: Callable[[Path, Shard, str], _Found], folder: Path, plan: Plan) -> Iterator[_Found]:
    stamp = plan.stamp
    for shard in plan.shards:
        path = shard_path(folder, shard)
        try:
            yield look(path, shard, stamp)
        except FileNotFoundError:
            raise StorageError(f"{path} is missing", hint="run the same command again") from None


def text_dtype(width: int) -> Any:
    """Return the HDF5 type of a text column whose longest text has `width` bytes."""
    return h5py.string_dtype("utf-8", max(width, 1))


def _encode(
    shard: Shard,
    rows: Sequence[Row],
    targets: Sequence[str],
    stamp: str,
    arrays: Mapping[str, np.ndarray],
    product: Product,
) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=LIBVER, userblock_size=SEAL_SIZE) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.attrs["plan"] = stamp
        file.attrs["targets"] = json.dumps(list(targets))
        file.attrs["product"] = product.name
        for key, value in zip(("shard", "start", "stop"), _numbers(shard), strict=True):
            file.attrs[key] = value
        for column in COLUMNS:
            cells = [getattr(row, column.field) for row in rows]
            file.create_dataset(column.name, data=_array(cells, column.name, column.dtype))
        group = file.create_group(product.name)
        for target, values in zip(
            targets, _values(rows, len(targets), product.dtype).T, strict=True
        ):
            group.create_dataset(target, data=values)
        for name, array in arrays.items():
            file.create_dataset(f"{ARRAYS}/{name}", data=array)
        file.attrs["complete"] = True
    outcomes = Counter(row.outcome for row in rows)
    return seal(KIND, buffer.getvalue(), {outcome.value: outcomes[outcome] for outcome in Outcome})


@contextmanager
def _opened(data: bytes, path: Path, shard: Shard, stamp: str) -> Iterator[h5py.File]:
    with h5py.File(io.BytesIO(data), "r") as file:
        found = Shard(*(int(file.attrs[key]) for key in ("shard", "start", "stop")))
        if str(file.attrs["plan"]) != stamp:
            raise StorageError(f"{path} belongs to another plan")
        if found != shard or not file.attrs["complete"]:
            raise StorageError(f"{path} is shard {found.index}, not {shard.index}")
        if any(file[column.name].shape != (len(shard),) for column in COLUMNS):
            raise StorageError(f"{path} has columns of different length")
        yield file


def _widths(data: bytes, path: Path, shard: Shard, stamp: str) -> Mapping[str, int]:
    with _opened(data, path, shard, stamp) as file:
        texts = [column.name for column in COLUMNS if column.dtype == "text"]
        return {name: file[name].dtype.itemsize for name in texts}


def _decode(data: bytes, path: Path, shard: Shard, stamp: str) -> ShardFile:
    with _opened(data, path, shard, stamp) as file:
        targets = tuple(json.loads(file.attrs["targets"]))
        columns = {column.name: file[column.name][()] for column in COLUMNS}
        kept = {name: file[ARRAYS][name] for name in file.get(ARRAYS, ())}
        arrays = {name: data[()] for name, data in kept.items()}
        places = {n: Place(d.id.get_offset() or 0, d.dtype, d.shape) for n, d in kept.items()}
        group = file[str(file.attrs["product"])]
        read = [group[target][()] for target in targets]
        values = np.stack(read, axis=1) if read else np.empty((len(shard), 0), np.float32)
    return ShardFile(path, shard, targets, columns, values, arrays, places)


def _numbers(shard: Shard) -> tuple[int, int, int]:
    return shard.index, shard.start, shard.stop


def _values(rows: Sequence[Row], targets: int, dtype: str) -> np.ndarray:
    values = np.full((len(rows), targets), np.nan, dtype)
    for i, row in enumerate(rows):
        if row.values:
            if len(row.values) != targets:
                raise ValueError(f"{row.name}: {len(row.values)} values for {targets} targets")
            values[i] = row.values
    return values


def _array(cells: list[Any], name: str, dtype: str) -> np.ndarray:
    if dtype != "text":
        return np.asarray(cells, dtype)
    texts = [_text(str(cell), name) for cell in cells]
    return np.array(texts, text_dtype(max(map(len, texts), default=1)))


def _text(cell: str, name: str) -> bytes:
    """Return UTF-8 that a fixed-length HDF5 string gives back as it was."""
    if name == "name":
        if "\0" in cell:
            raise ValueError(f"a name with a NUL: {cell!r}")
        return cell.encode()
    data = cell.replace("\0", "\\x00").encode("utf-8", "backslashreplace")
    if len(data) <= MESSAGE_LIMIT:
        return data
    return data[: MESSAGE_LIMIT - 3].decode("utf-8", "ignore").encode() + "…".encode()

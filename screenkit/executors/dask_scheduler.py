"""The Dask executor of a cluster that is already there: behind an address, or a scheduler's file.

Its workers must have this version of screenkit, one thread each, and see the folders of this
machine; that is asked before any work is sent, and the version again with every shard, because
workers may come later. The cluster goes on when we leave. TLS is as Dask's own configuration says.

Not covered: starting a cluster; what its nannies do about memory.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import queue
import secrets
import time
from collections.abc import Generator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from distributed import Client
from distributed.comm import CommClosedError

import screenkit
from screenkit.crystal.document import Document
from screenkit.errors import MismatchError, OutputError, UsageError, WorkersLostError
from screenkit.executors.dask import DaskExecutor, Job
from screenkit.executors.executor import ShardReport, Task, Work
from screenkit.plan import Shard

_ANSWER = 30.0  # seconds that a scheduler has to answer
_LOOK = 5.0  # seconds between two looks at how many workers there are
_ENCRYPTED = ("tls", "wss")
_LATER = "a worker that came later"


class SchedulerExecutor(DaskExecutor):
    """Workers of a Dask cluster that somebody else has started."""

    patience = 300.0

    def __init__(self, scheduler: str, folder: Path, insecure: bool = False) -> None:
        """Prepare to use a cluster.

        Args:
            scheduler: address, or the path of a scheduler's file.
            folder: of the run; its workers must see it.
            insecure: whether others may listen, and send code to the workers.

        Raises:
            UsageError: there is no such file, or anyone may listen.
        """
        super().__init__()
        self._address = find_address(scheduler)
        refuse_open_ears(self._address, insecure)
        self._folder = folder.absolute()
        self._seen = (0.0, 0)  # when we looked, and how many workers there were

    def _open(self, stack: ExitStack) -> Client:
        try:
            client = stack.enter_context(
                Client(self._address, timeout=_ANSWER, set_as_default=False)
            )
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            raise WorkersLostError(
                f"no Dask scheduler answers at {self._address}: {error}",
                hint="is it running, and does Dask's configuration name the certificates that it "
                "wants? See distributed.comm.tls in the documentation of Dask",
            ) from error
        try:
            client.wait_for_workers(1, timeout=self.patience)
        except TimeoutError:
            raise WorkersLostError(
                f"the cluster at {self._address} had no worker within {self.patience:.0f} s",
                hint="start workers, such as dask worker --nthreads 1 "
                f"{self._address}, and run the same command again",
            ) from None
        self._client = client
        self._ask_workers()
        return client

    def _ask_workers(self) -> None:
        """Raise where a worker cannot do our work."""
        for address, threads in self._workers().items():
            if threads > 1:
                raise MismatchError(
                    f"worker {address} works on {threads} tasks at once",
                    hint="start the workers with --nthreads 1, and more of them: what kills a "
                    "process must not take others with it",
                )
        sign = Path(f".probe-{secrets.token_hex(8)}")
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / sign).touch(exist_ok=False)
        try:
            answers = self._client.run(_answer, str(self._folder / sign), on_error="return")
        except (OSError, TimeoutError, CommClosedError) as error:
            raise WorkersLostError(f"the workers do not answer: {error}") from error
        finally:
            (self._folder / sign).unlink(missing_ok=True)
        for address, answer in answers.items():
            _judge(address, answer, self._folder)

    def _at_once(self) -> int:
        """Return the number of workers, which may come and go."""
        when, count = self._seen
        if time.monotonic() - when > _LOOK:
            count = len(self._workers())
            self._seen = (time.monotonic(), count)
        return max(count, 1)

    def _memory_limit(self) -> int | None:
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return min((limit for one in workers if (limit := one["memory_limit"])), default=None)

    def run(self, task: Task, work: Work) -> Generator[ShardReport, None, None]:
        """Yield one report per shard, as they are done; see `DaskExecutor.run`."""
        return super().run(_Abroad(task, screenkit.__version__, os.getcwd()), work)

    def _submit(
        self, task: Task, job: Job, jobs: dict[str, Job], done: queue.SimpleQueue[Any]
    ) -> None:
        job.documents = [document.carried() for document in job.documents]
        super()._submit(task, job, jobs, done)

    def _report(self, job: Job) -> ShardReport | None:
        try:
            return super()._report(job)
        except ImportError as error:
            raise _no_screenkit(_LATER, error) from error


@dataclass(frozen=True)
class _Abroad:
    """A task that is done on another machine as it would be on ours."""

    task: Task
    version: str
    folder: str
    """Where relative paths begin."""

    def __call__(
        self, shard: Shard, documents: list[Document], lost: Mapping[str, str] = {}
    ) -> ShardReport:
        if screenkit.__version__ != self.version:
            raise _other_version(_LATER, screenkit.__version__, self.version)
        if not Path(self.folder).is_dir():
            raise _no_folder(_LATER, self.folder, "it sees no such folder")
        with contextlib.chdir(self.folder):
            return self.task(shard, documents, lost)

    def attempt(self, documents: list[Document]) -> None:
        self.task.attempt(documents)


def find_address(scheduler: str) -> str:
    """Return the address of a scheduler from what the user gave: itself, or a scheduler's file.

    Raises:
        UsageError: there is no such file, or it is none of a scheduler.
    """
    path = Path(scheduler)
    if "://" in scheduler or (not path.exists() and _has_port(scheduler)):
        return scheduler if "://" in scheduler else f"tcp://{scheduler}"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["address"])
    except OSError as error:
        raise UsageError(
            f"--scheduler {scheduler}: {error.strerror}",
            hint="give an address, such as tls://node7:8786, or the file that "
            "dask scheduler --scheduler-file FILE writes",
        ) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(
            f"--scheduler {scheduler} is not the file of a Dask scheduler: it names no address"
        ) from None


def _has_port(text: str) -> bool:
    return text.rpartition(":")[2].isdigit()


def refuse_open_ears(address: str, insecure: bool) -> None:
    """Raise where others can listen to the scheduler and send it code, and nobody allowed that.

    Raises:
        UsageError: the address is neither encrypted nor on this machine alone.
    """
    scheme, host = urlsplit(address).scheme, urlsplit(address).hostname or ""
    if insecure or scheme in _ENCRYPTED or host == "localhost":
        return
    with contextlib.suppress(ValueError):
        if ipaddress.ip_address(host).is_loopback:
            return
    raise UsageError(
        f"{address} is not encrypted: whoever reaches it can run code as you",
        hint="use a tls:// address, or allow it with --insecure in a network that you trust",
    )


def _answer(sign: str) -> tuple[str, str]:
    """Return this worker's version of screenkit, and what keeps it from the run's folder."""
    try:
        if not Path(sign).exists():
            return screenkit.__version__, "it sees no such folder, or another one"
        mine = Path(f"{sign}-{secrets.token_hex(8)}")
        mine.touch(exist_ok=False)
        mine.unlink()
    except OSError as error:
        return screenkit.__version__, error.strerror or str(error)
    return screenkit.__version__, ""


def _judge(address: str, answer: Any, folder: Path) -> None:
    """Raise where the answer of a worker says that it cannot do our work."""
    if isinstance(answer, BaseException):
        raise _no_screenkit(f"worker {address}", answer)
    version, trouble = answer
    if version != screenkit.__version__:
        raise _other_version(f"worker {address}", version, screenkit.__version__)
    if trouble:
        raise _no_folder(f"worker {address}", str(folder), trouble)


def _no_screenkit(who: str, error: BaseException) -> MismatchError:
    return MismatchError(
        f"{who} cannot run screenkit {screenkit.__version__}: {error}",
        hint="install this version of screenkit where the workers run",
    )


def _no_folder(who: str, folder: str, trouble: str) -> OutputError:
    return OutputError(
        f"{who} cannot write into {folder}: {trouble}",
        hint="work on a file system that all machines of the cluster share",
    )


def _other_version(who: str, theirs: str, ours: str) -> MismatchError:
    return MismatchError(
        f"{who} has screenkit {theirs}, and this is {ours}",
        hint="install the same version where the workers run",
    )

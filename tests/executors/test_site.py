"""What a profile of a cluster may say, and that nothing of it becomes a command."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from screenkit.errors import RecipeError, UsageError
from screenkit.executors.board import Board
from screenkit.executors.executor import Work
from screenkit.executors.sbatch import script, split
from screenkit.executors.site import Request, Site, minutes, refuse_odd_folder
from screenkit.plan import Shard
from screenkit.recipe import Recipe
from tests.executors.stand_ins import StandIn

EXAMPLES = Path(__file__).parents[2] / "slurm"
HOSTILE = [
    "cpu\ntouch /tmp/x",
    "cpu\r",
    "a b",
    "$(id)",
    "`id`",
    "a;b",
    "a'b",
    'a"b',
    "\x00",
    "",
    "é",
]


@pytest.fixture
def an_srun(tmp_path, monkeypatch) -> None:
    """A program that submitit wants to see before it writes a script."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "srun").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")


@pytest.mark.parametrize("name", ["cpu", "gpu", "node"])
def test_the_examples_are_profiles(name: str, an_srun, tmp_path):
    site = Site.load(EXAMPLES / f"{name}.yaml")
    text = script(site, tmp_path / "run", 2)
    assert f"#SBATCH --partition={site.partition}\n" in text
    assert f"#SBATCH --time={site.minutes}\n" in text
    assert "#SBATCH --array=0-1%2\n" in text
    assert "\nmodule load python" in text
    assert f" --cpus-per-task={site.cpus} " in text.partition("\nsrun ")[2]
    assert (site.gres is None) == (name == "cpu")
    assert ("--exclusive" in text) == (name == "node")


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize(
    "field", ["partition", "account", "qos", "constraint", "gres", "memory", "time"]
)
def test_no_value_can_end_its_line_of_the_script(field: str, value: str):
    with pytest.raises(ValidationError):
        Request(**{field: value})
    with pytest.raises(UsageError, match=f"--{field}: "):
        Recipe().override(**{field: value})


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\x00b", "a\u2028b", ""])
def test_a_line_of_setup_is_one_line(value: str):
    with pytest.raises(ValidationError, match="a single line"):
        Site(setup=(value,))


def test_lines_of_setup_come_from_the_profile_alone():
    with pytest.raises(TypeError, match="setup"):
        Recipe().override(setup=("true",))
    with pytest.raises(RecipeError, match="no key 'setup' in run"):
        Recipe.parse("run: {setup: ['true']}")


@pytest.mark.parametrize("folder", ["a\nb", "a b", "a'b", "a%jb", "a$b", "a\\b"])
def test_jobs_work_in_no_folder_whose_name_means_something_to_a_script(folder: str, tmp_path):
    with pytest.raises(UsageError, match="in its path"):
        refuse_odd_folder(tmp_path / folder)


def test_a_script_holds_nothing_but_directives_setup_and_one_command(an_srun, tmp_path):
    site = Site(partition="cpu", account="a-b", memory="4G", setup=("module load x",))
    lines = [line for line in script(site, tmp_path / "run", 1).splitlines() if line]
    commands = [line for line in lines if not line.startswith("#")]
    assert commands[0] == "module load x"
    assert commands[1].startswith("export SUBMITIT_EXECUTOR=")
    assert commands[2].startswith("srun ") and len(commands) == 3


def test_a_profile_names_the_line_that_is_wrong(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text('jobs: 2\npartition: "cpu\\ntouch x"\n')
    with pytest.raises(RecipeError, match=r"site.yaml, line 2: partition: .*letters, digits"):
        Site.load(path)
    path.write_text("partion: cpu\n")
    with pytest.raises(RecipeError, match="no key 'partion'") as caught:
        Site.load(path)
    assert caught.value.hint == "did you mean partition?"


def test_the_command_line_beats_the_profile():
    site = Site(partition="cpu", time="60", jobs=8).override(Request(time="2:00:00", jobs=3))
    assert (site.partition, site.minutes, site.jobs) == ("cpu", 120, 3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90", 90), ("90:30", 91), ("04:00:00", 240), ("1-0", 1440), ("1-12:30", 2190),
     ("2-00:00:01", 2881), ("0", 1)],
)  # fmt: skip
def test_a_time_is_read_as_slurm_reads_it(text: str, expected: int):
    assert minutes(text) == expected


def test_a_number_is_a_time():
    assert Site.model_validate({"time": 30}).minutes == 30


@pytest.mark.parametrize(
    ("count", "most", "sizes"), [(4, 1001, [4]), (7, 5, [4, 3]), (5, 5, [5]), (11, 5, [4, 4, 3])]
)
def test_arrays_are_no_longer_than_the_cluster_allows(count: int, most: int, sizes: list[int]):
    assert split(count, most) == sizes


# The board


@pytest.fixture
def board(tmp_path) -> Board:
    return Board.of(tmp_path, StandIn(tmp_path, "s"), Work((Shard(0, 0, 1),), None))


def test_a_shard_has_one_job_at_a_time(board):
    assert board.claim(3, "7_0")
    assert not board.claim(3, "7_1")
    assert board.strikes(3) == 0
    board.break_claim(3)
    assert board.claim(3, "7_1")
    assert board.strikes(3) == 1


def test_a_job_that_was_started_anew_has_its_shard_again_and_a_strike(board):
    assert board.claim(3, "7_0")
    assert board.claim(3, "7_0")
    assert (board.strikes(3), board.claims()) == (1, {3: "7_0"})


def test_the_board_of_the_same_command_is_the_same_and_of_another_task_another(board, tmp_path):
    work = Work((Shard(0, 0, 1),), None)
    assert Board.of(tmp_path, StandIn(tmp_path, "s"), work) == board
    assert Board.of(tmp_path, StandIn(tmp_path, "t"), work) != board


def test_the_first_error_is_the_one_that_the_driver_hears(board):
    assert board.error() is None
    board.fail(UsageError("one", hint="do"))
    board.fail(RecipeError("two"))
    error = board.error()
    assert isinstance(error, UsageError)
    assert (error.message, error.hint) == ("one", "do")


def test_no_job_reads_what_others_may_have_written(board, tmp_path):
    from screenkit.errors import OutputError
    from screenkit.executors.crew import load_work, save_work

    task, work = StandIn(tmp_path, "s"), Work((Shard(0, 0, 1),), None)
    save_work(board, task, work)
    assert load_work(board)[0] == task
    (board.folder / "work.pkl").chmod(0o666)
    with pytest.raises(OutputError, match="others may write"):
        load_work(board)
    assert re.fullmatch(r"[0-9a-f]{10}", board.key)


def test_a_job_that_has_the_number_of_its_array_queues_itself_alone_again(board, monkeypatch):
    from screenkit.executors import crew

    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(crew, "ask", lambda *words: (asked.append(words), "RUNNING\n")[1])
    monkeypatch.setattr(crew, "_WAIT_FOR_END", 0.0)
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    crew.Watch(board, "7_3", 0, 0.0).queue_again()
    assert [words[-1] for words in asked] == ["--jobs=7_3", "7_3"]

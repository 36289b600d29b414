"""What counts as a structure, how it is called, in which order it comes, and what cannot harm."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import pickle
import random
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from screenkit.crystal.document import (
    SIZE_LIMIT,
    Document,
    cif_suffix,
    document_name,
    file_path,
)
from screenkit.crystal.library import Library
from screenkit.errors import CrystalError, SourceError

FILES = {"b.cif": b"bee", "a/x.CIF": b"ax", "a/y.cif.gz": gzip.compress(b"ay"), "note.txt": b"no"}
NAMES = ("a/x", "a/y", "b")


def make_folder(folder: Path, files: dict[str, bytes] = FILES) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def make_tar(path: Path, files: dict[str, bytes] = FILES, top: str = "lib/") -> Path:
    mode = {".gz": "w:gz", ".tgz": "w:gz", ".xz": "w:xz", ".bz2": "w:bz2"}.get(path.suffix, "w")
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(top + name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def make_zip(path: Path, files: dict[str, bytes] = FILES) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr("lib/" + name, data)
    return path


def contents(library: Library, size: int = 2) -> list[tuple[str, bytes | str]]:
    """Return name and bytes of every document, or the code of why it has none."""
    spans = [(i, min(i + size, len(library))) for i in range(0, len(library), size)]
    found: list[tuple[str, bytes | str]] = []
    for documents in library.deliver(spans):
        for document in documents:
            try:
                found.append((document.name, document.read()))
            except CrystalError as error:
                found.append((document.name, error.code))
    return found


def code(document: Document) -> str:
    with pytest.raises(CrystalError) as caught:
        document.read()
    return caught.value.code


def only(library: Library) -> Document:
    (documents,) = library.deliver([(0, 1)])
    return documents[0]


# Names and order


def test_a_folder_is_searched_to_its_depth_and_sorted_by_name(tmp_path):
    library = Library.open(make_folder(tmp_path))
    assert tuple(library.names) == NAMES
    assert library.ignored == 1
    assert contents(library) == [("a/x", b"ax"), ("a/y", b"ay"), ("b", b"bee")]


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tgz", "tar.xz", "tar.bz2", "zip"])
def test_an_archive_keeps_its_order_and_loses_its_top_folder(tmp_path, suffix):
    make = make_zip if suffix == "zip" else make_tar
    library = Library.open(make(tmp_path / f"lib.{suffix}"))
    assert tuple(library.names) == ("b", "a/x", "a/y")
    assert contents(library) == [("b", b"bee"), ("a/x", b"ax"), ("a/y", b"ay")]
    assert contents(library) == contents(library, size=1)  # and may be read again
    assert library.ignored == 1


def test_an_archive_without_one_top_folder_keeps_its_folders(tmp_path):
    library = Library.open(make_tar(tmp_path / "l.tar", {"p/a.cif": b"", "q/a.cif": b""}, ""))
    assert tuple(library.names) == ("p/a", "q/a")


def test_a_list_keeps_its_order_and_is_relative_to_its_own_folder(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "list.txt").write_text(
        "# mine\nb.cif\r\n\na/x.CIF\n" + str(tmp_path / "a/y.cif.gz")
    )
    library = Library.open(tmp_path / "list.txt")
    assert contents(library) == [("b", b"bee"), ("a/x", b"ax"), ("a/y", b"ay")]


def test_a_list_may_name_what_is_gone(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "list.txt").write_text("b.cif\ngone.cif\n")
    assert contents(Library.open(tmp_path / "list.txt")) == [("b", b"bee"), ("gone", "unreadable")]


def test_one_cif_is_a_library_of_one(tmp_path):
    make_folder(tmp_path)
    assert contents(Library.open(str(tmp_path / "a" / "y.cif.gz"))) == [("y", b"ay")]


def test_several_sources_come_one_after_the_other(tmp_path):
    folder = make_folder(tmp_path / "f", {"m.cif": b"m", "n.cif": b"n"})
    library = Library.open([make_tar(tmp_path / "l.tar.xz"), folder])
    assert [name for name, _ in contents(library, size=2)] == ["b", "a/x", "a/y", "m", "n"]
    assert dict(contents(library, size=5))["n"] == b"n"


def test_only_what_is_asked_for_is_delivered(tmp_path):
    files = {f"{i:02d}.cif": str(i).encode() for i in range(20)}
    library = Library.open([make_tar(tmp_path / "l.tar.xz", files)])
    spans = [(3, 5), (5, 5), (11, 12), (19, 20)]
    assert [[d.read() for d in documents] for documents in library.deliver(spans)] == [
        [b"3", b"4"],
        [],
        [b"11"],
        [b"19"],
    ]


def test_spans_must_ascend(tmp_path):
    library = Library.open(make_folder(tmp_path))
    with pytest.raises(ValueError, match="span"):
        list(library.deliver([(1, 2), (0, 1)]))


@pytest.mark.parametrize(
    "raw",
    [
        b"caf\xc3\xa9",
        b"bad\xff\xfe",
        b"new\nline",
        b"tab\there",
        b"100%",
        b"a%41",
        b"\xe2\x80\xaegnp",
    ],
)
def test_a_name_can_be_written_anywhere_and_leads_back_to_its_file(tmp_path, raw):
    path = os.fsdecode(raw + b".cif")
    (tmp_path / path).write_bytes(b"here")
    library = Library.open(tmp_path)
    name = library.names[0]
    name.encode()  # no surrogates
    assert not set(name) & set("\n\t\0\u202e")
    assert file_path(*document_name(path)) == path
    assert contents(library) == [(name, b"here")]


def test_plain_names_stay_as_they_are():
    for path in ("山田.cif", "a.b.c.cif", "-rf.cif", "$(touch X).cif", "NA.cif", "x y.CIF.GZ"):
        name, suffix = document_name(path)
        assert name + suffix == path
        assert cif_suffix(suffix) == suffix != ""


def test_a_file_that_is_all_suffix_keeps_it(tmp_path):
    make_folder(tmp_path, {".cif": b"", "d/.cif.gz": b""})
    assert tuple(Library.open(tmp_path).names) == (".cif", "d/.cif.gz")


def test_the_digest_tells_names_order_and_archive_content(tmp_path):
    files = {"a.cif": b"1", "b.cif": b"2"}
    other = {"b.cif": b"2", "a.cif": b"1"}
    changed = {"a.cif": b"1", "b.cif": b"3"}
    tars = [make_tar(tmp_path / f"{i}.tar", f) for i, f in enumerate((files, other, changed))]
    digests = [Library.open(tar).digest for tar in tars]
    assert len(set(digests)) == 3
    moved = tmp_path / "elsewhere.tar"
    tars[0].rename(moved)
    assert Library.open(moved).digest == digests[0]


# ids


def test_a_name_that_our_tables_keep_from_a_spreadsheet_is_found_by_them(tmp_path):
    for name in ("=1+1", "plain"):
        (tmp_path / f"{name}.cif").write_text("data_x")
    (tmp_path / "ids.csv").write_text("name,rank\n'=1+1,1\n")
    assert tuple(Library.open(tmp_path, ids=tmp_path / "ids.csv").names) == ("=1+1",)


def test_ids_keep_the_library_order(tmp_path):
    folder = make_folder(tmp_path / "f")
    (tmp_path / "ids.csv").write_text("name,why\nb,good\na/y.cif.gz,\n")
    assert tuple(Library.open(folder, ids=tmp_path / "ids.csv").names) == ("a/y", "b")
    archive = make_tar(tmp_path / "l.tar.xz")
    library = Library.open([archive], ids=tmp_path / "ids.csv")
    assert contents(library) == [("b", b"bee"), ("a/y", b"ay")]


def test_an_unknown_id_is_named(tmp_path):
    folder = make_folder(tmp_path / "f")
    (tmp_path / "ids.txt").write_text("a/z\nb\n")
    with pytest.raises(SourceError, match="a/z") as caught:
        Library.open(folder, ids=tmp_path / "ids.txt")
    assert "did you mean a/x" in caught.value.hint or "a/y" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names no structure"),
        ("# \n", "not in the library"),
        ("name\n", "names no structure"),
        ("x" * 100_000, "xxx..."),
        ("b\0", "neither text"),
    ],
)
def test_an_ids_file_that_names_nothing_is_said_to_be_it_and_not_the_source(tmp_path, text, words):
    folder = make_folder(tmp_path / "f")
    (tmp_path / "ids.txt").write_text(text)
    with pytest.raises(SourceError, match=words) as caught:
        Library.open(folder, ids=tmp_path / "ids.txt")
    assert len(caught.value.message) < 500
    assert "SOURCE" not in caught.value.hint


# What cannot be a library


def test_a_file_given_as_a_source_by_mistake_is_not_read_aloud(tmp_path):
    (tmp_path / "list.txt").write_text("secret:x:0\n")
    with pytest.raises(SourceError) as caught:
        Library.open(tmp_path / "list.txt")
    assert "secret" not in f"{caught.value.message} {caught.value.hint}"
    assert str(tmp_path) in caught.value.hint


def test_two_structures_of_one_name_are_refused_with_both_places(tmp_path):
    make_folder(tmp_path, {"x.cif": b"", "x.cif.gz": b""})
    with pytest.raises(SourceError) as caught:
        Library.open(tmp_path)
    assert f"{tmp_path}/x.cif and {tmp_path}/x.cif.gz" in caught.value.message


@pytest.mark.parametrize("ids", [None, Path(__file__)])
@pytest.mark.parametrize("files", [{}, {"readme.txt": b"no"}])
def test_a_library_without_a_structure_is_refused(tmp_path, files, ids):
    make_folder(tmp_path / "f", files)
    (tmp_path / "f").mkdir(exist_ok=True)
    with pytest.raises(SourceError, match="no CIF") as caught:
        Library.open(tmp_path / "f", ids)
    assert caught.value.exit_code == 66


@pytest.mark.parametrize(
    "source", ["gone", "gone.tar.xz", "fifo", "binary.dat", "prose.md", "a\0b"]
)
def test_what_is_no_source_is_refused(tmp_path, source):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "binary.dat").write_bytes(b"\0\1\2")
    (tmp_path / "prose.md").write_text("# Title\nSome words.\n")
    with pytest.raises(SourceError):
        Library.open(str(tmp_path / source))


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "tar.bz2", "zip"])
def test_an_archive_cut_anywhere_is_refused(tmp_path, suffix):
    noise = random.Random(0)
    files = {f"{i}.cif": noise.randbytes(700 * i) for i in range(1, 8)}
    whole = (make_zip if suffix == "zip" else make_tar)(tmp_path / f"l.{suffix}", files)
    data = whole.read_bytes()
    last = len(data) - 1
    if suffix == "tar":  # behind the last member stands nothing but zeros
        last = data.rstrip(b"\0").__len__() // 512 * 512
    for size in noise.sample(range(last), 40):
        whole.write_bytes(data[:size])
        with pytest.raises(SourceError, match="damaged or cut short"):
            Library.open(whole)


def test_a_tar_damaged_between_members_is_refused(tmp_path):
    path = make_tar(tmp_path / "l.tar", {f"{i}.cif": b"x" * 600 for i in range(5)})
    data = bytearray(path.read_bytes())
    data[3 * 1536 + 100] ^= 0xFF  # in the fourth header
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"after member lib/2\.cif"):
        Library.open(path)


def test_an_archive_that_changes_under_way_is_noticed(tmp_path):
    path = make_tar(tmp_path / "l.tar", {"a.cif": b"", "b.cif": b""})
    library = Library.open(path)
    make_tar(path, {"a.cif": b"", "c.cif": b""})
    with pytest.raises(SourceError, match="has changed"):
        contents(library)


def test_members_of_a_plain_tar_stay_in_it_until_they_are_read(tmp_path):
    files = {f"{i}.cif": bytes([i]) * (700 * i) for i in range(5)}
    library = Library.open(make_tar(tmp_path / "l.tar", files))
    (documents,) = library.deliver([(0, 5)])
    assert all(document.data is None for document in documents)
    assert [document.read() for document in documents] == list(files.values())
    assert [document.carried().data for document in documents] == list(files.values())


def test_a_member_of_a_tar_that_was_changed_since_is_not_read(tmp_path):
    path = make_tar(tmp_path / "l.tar", {"a.cif": b"old", "b.cif": b"old"})
    (documents,) = Library.open(path).deliver([(0, 2)])
    make_tar(path, {"a.cif": b"new", "b.cif": b"new"})
    with pytest.raises(CrystalError, match="has changed since it was listed") as caught:
        documents[0].read()
    assert caught.value.code == "unreadable"
    assert documents[1].carried().trouble == ("unreadable", caught.value.message)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CrystalError, match="has changed"):
        documents[0].read()


def test_a_sparse_member_of_a_tar_is_read_whole(tmp_path):
    if not shutil.which("tar"):
        pytest.skip("there is no tar")
    with (tmp_path / "a.cif").open("wb") as file:
        file.write(b"begin")
        file.seek(2**20)
        file.write(b"end")
    run = ["tar", "--sparse", "-cf", "l.tar", "a.cif"]
    subprocess.run(run, cwd=tmp_path, check=True)
    (documents,) = Library.open(tmp_path / "l.tar").deliver([(0, 1)])
    assert documents[0].read() == (tmp_path / "a.cif").read_bytes()


@pytest.mark.parametrize("suffix", ["tar", "tar.gz"])
@pytest.mark.parametrize("told_by", ["header", "pax"])
def test_a_tar_that_would_lead_back_is_refused(tmp_path, suffix, told_by):
    info = tarfile.TarInfo("b.cif")
    if told_by == "pax":
        info.pax_headers = {"size": "-1024"}
        header = info.tobuf(tarfile.PAX_FORMAT)
    else:
        info.size = -1024
        header = info.tobuf(tarfile.GNU_FORMAT)
    data = tarfile.TarInfo("a.cif").tobuf(tarfile.GNU_FORMAT) + header + b"\0" * 1024
    path = tmp_path / f"l.{suffix}"
    path.write_bytes(gzip.compress(data) if suffix == "tar.gz" else data)
    with pytest.raises(SourceError, match=r"damaged or cut short after member a\.cif"):
        Library.open(path)


def test_a_header_bomb_is_refused(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, 2**40
    with gzip.open(tmp_path / "l.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10**6)
    with pytest.raises(SourceError, match="header"):
        Library.open(tmp_path / "l.tar.gz")


# Documents that cannot be read


def test_members_that_are_no_files_fail_on_their_own(tmp_path):
    with tarfile.open(tmp_path / "l.tar", "w") as tar:
        for name, kind in [("s", "2"), ("h", "1"), ("f", "6"), ("c", "3"), ("d", "5"), ("ok", "0")]:
            info = tarfile.TarInfo(f"{name}.cif")
            info.type, info.linkname = kind.encode(), "/etc/passwd"
            tar.addfile(info)
        tar.addfile(tarfile.TarInfo("../../up.cif"))
        tar.addfile(tarfile.TarInfo("/abs.cif"))
    found = contents(Library.open(tmp_path / "l.tar"))
    assert found == [(n, "not_regular_file") for n in "shfcd"] + [
        ("ok", b""),
        ("../../up", b""),
        ("abs", b""),
    ]


def test_a_bad_member_of_a_zip_is_one_bad_structure(tmp_path):
    path = tmp_path / "l.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in "abc":
            archive.writestr(f"{name}.cif", name * 100)
    path.write_bytes(path.read_bytes().replace(b"b" * 100, b"b" * 99 + b"!"))
    assert contents(Library.open(path)) == [
        ("a", b"a" * 100),
        ("b", "bad_compression"),
        ("c", b"c" * 100),
    ]


def test_no_bomb_goes_off(tmp_path):
    big = b"\0" * (SIZE_LIMIT + 1)
    make_folder(tmp_path / "f", {"gz.cif.gz": gzip.compress(big, 1)})
    with open(tmp_path / "f" / "sparse.cif", "wb") as file:
        file.truncate(SIZE_LIMIT + 1)
    archive = make_tar(tmp_path / "l.tar.gz", {"member.cif": big, "after.cif": b"fine"})
    packed = make_zip(tmp_path / "l.zip", {"zipped.cif": big})
    assert dict(contents(Library.open([tmp_path / "f", archive, packed]))) == {
        "gz": "too_large",
        "sparse": "too_large",
        "member": "too_large",
        "after": b"fine",
        "zipped": "too_large",
    }


def test_a_large_member_travels_packed_and_arrives_whole(tmp_path):
    text = b"_atom_site" * 10**6
    files = {"plain.cif": text, "gz.cif.gz": gzip.compress(text, 1) + b"", "small.cif": b"s"}
    library = Library.open(make_tar(tmp_path / "l.tar.xz", files))
    (documents,) = library.deliver([(0, 3)])
    assert len(pickle.dumps(documents)) < len(text) / 10
    assert [document.read() for document in documents] == [text, text, b"s"]


def test_other_compressions_are_named(tmp_path):
    make_folder(tmp_path, {"a.cif.bz2": bz2.compress(b"a"), "b.cif.xz": lzma.compress(b"b")})
    assert contents(Library.open(tmp_path)) == [
        ("a.cif.bz2", "unsupported_compression"),
        ("b.cif.xz", "unsupported_compression"),
    ]


@pytest.mark.timeout(20)
def test_nothing_blocks(tmp_path):
    os.mkfifo(tmp_path / "fifo.cif")
    (tmp_path / "zero.cif").symlink_to("/dev/zero")
    (tmp_path / "tty.cif").symlink_to("/dev/tty")
    (tmp_path / "loop.cif").symlink_to("loop.cif")
    (tmp_path / "gone.cif").symlink_to("nowhere")
    (tmp_path / "folder.cif").mkdir()
    (tmp_path / "down").mkdir()
    (tmp_path / "down" / "up").symlink_to("..")
    (tmp_path / "down" / "self").symlink_to(".")
    assert dict(contents(Library.open(tmp_path))) == {
        "fifo": "not_regular_file",
        "zero": "not_regular_file",
        "tty": "not_regular_file",
        "folder": "not_regular_file",
        "loop": "unreadable",
        "gone": "unreadable",
    }


def test_links_are_followed_and_each_folder_is_entered_once(tmp_path):
    make_folder(tmp_path / "store", {"s.cif": b"s"})
    make_folder(tmp_path / "farm", {"real/r.cif": b"r"})
    (tmp_path / "farm" / "link.cif").symlink_to(tmp_path / "store" / "s.cif")
    (tmp_path / "farm" / "again").symlink_to("real")
    (tmp_path / "farm" / "outside").symlink_to(tmp_path / "store")
    found = contents(Library.open(tmp_path / "farm"))
    assert found == [("link", b"s"), ("outside/s", b"s"), ("real/r", b"r")]


def test_a_folder_called_cif_may_hold_structures(tmp_path):
    make_folder(tmp_path, {"all.cif/a.cif": b"a", "all.cif-old/b.cif": b"b"})
    (tmp_path / "none.cif").mkdir()
    library = Library.open(tmp_path)
    assert tuple(library.names) == ("all.cif-old/b", "all.cif/a", "none")


def test_a_file_that_vanishes_is_unreadable(tmp_path):
    document = only(Library.open(make_folder(tmp_path, {"a.cif": b""})))
    os.unlink(tmp_path / "a.cif")
    assert code(document) == "unreadable"


# The corpus of bad files, and size


def test_every_file_of_the_bad_corpus_is_one_document_with_the_expected_code(bad_corpus, expected):
    wanted = {}
    for row in expected:
        name = document_name(os.fsdecode(unquote_to_bytes(row["path"])))[0]
        wanted[name] = row["expected"].partition(":")[2]
    found = dict(contents(Library.open(bad_corpus), size=50))
    assert found.keys() == wanted.keys()
    assert len(found) == len(expected) == 321
    codes = Counter(c for c in found.values() if isinstance(c, str))
    for name, result in found.items():
        if isinstance(result, str):
            assert result == wanted[name], name
    ours = {"unreadable", "not_regular_file", "bad_compression", "unsupported_compression"}
    assert sum(codes[c] for c in ours) >= sum(w in ours for w in wanted.values()) - 1  # root reads
    assert codes["too_large"] == 2


@pytest.mark.slow
def test_three_hundred_thousand_names_take_seconds_and_less_than_100_MB(tmp_path):
    for i in range(300):
        (tmp_path / f"{i:03d}").mkdir()
        for j in range(1000):
            os.close(os.open(tmp_path / f"{i:03d}" / f"hMOF-{j:07d}.cif", os.O_CREAT))
    script = (
        "import resource, sys, time; from screenkit.crystal.library import Library;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "before, start = peak(), time.perf_counter(); library = Library.open(sys.argv[1]);"
        "print(len(library), time.perf_counter() - start, (peak() - before) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], check=True, capture_output=True, text=True
    )
    count, seconds, megabytes = map(float, done.stdout.split())
    assert count == 300_000
    assert seconds < 10
    assert megabytes < 100


@pytest.mark.slow
def test_reading_the_tar_of_a_real_library_gives_what_tar_gives(data):
    path = data / "core2019" / "core2019.tar.xz"
    library = Library.open(path)
    assert len(library) == 7794
    (documents,) = library.deliver([(5000, 5002)])
    with tarfile.open(path) as tar:
        for document in documents:
            member = tar.extractfile(f"core2019/{document.name}.cif")
            assert member is not None
            assert (
                hashlib.sha256(member.read()).digest() == hashlib.sha256(document.read()).digest()
            )

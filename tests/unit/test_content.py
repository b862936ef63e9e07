"""Contents under the digest of themselves."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflow.errors import ContentMissing, TooLarge
from workflow.evidence.content import ContentStore, DiskContentStore, MemoryContentStore

ABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
WHERE = "sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

NOT_DIGESTS = [
    "",
    "abc",
    "../../etc/passwd",
    "sha256:../../../etc/passwd",
    "sha256:" + "../" * 21 + "a",
    "sha256:/" + "a" * 63,
    "sha256:" + "A" * 64,
    "sha256:" + "a" * 64 + "\n",
    "sha256:" + "a" * 64 + "\0",
    "sha256:" + "a" * 64 + "/..",
    "sm3:" + "a" * 64,
    None,
    7,
]


@pytest.fixture(params=["disk", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ContentStore:
    if request.param == "disk":
        return DiskContentStore(tmp_path / "contents", size_limit=1000, fsync=False)
    return MemoryContentStore(size_limit=1000)


def test_what_was_put_is_got_back_under_its_digest(store: ContentStore) -> None:
    assert store.put(b"abc") == ABC
    assert store.has(ABC)
    assert store.get(ABC) == b"abc"
    assert store.get(store.put(b"")) == b""


def test_putting_twice_is_putting_once(store: ContentStore) -> None:
    assert store.put(b"abc") == store.put(b"abc") == ABC
    assert store.get(ABC) == b"abc"


def test_what_was_never_put_is_missing(store: ContentStore) -> None:
    assert not store.has(ABC)
    with pytest.raises(ContentMissing) as refused:
        store.get(ABC)
    assert (refused.value.facts["digest"], refused.value.facts["actual"]) == (ABC, "nothing")


def test_the_size_limit_is_held_to_the_byte(store: ContentStore) -> None:
    assert store.size_limit == 1000
    store.put(b"x" * 1000)
    with pytest.raises(TooLarge) as refused:
        store.put(b"x" * 1001)
    assert (refused.value.facts["path"], refused.value.facts["expected"], refused.value.facts["actual"]) == (
        "content",
        "1000 bytes",
        "1001 bytes",
    )


@pytest.mark.parametrize("digest", NOT_DIGESTS)
def test_what_is_not_a_digest_is_never_looked_up(store: ContentStore, digest: Any) -> None:
    assert not store.has(digest)
    with pytest.raises(ContentMissing, match="64 lowercase hex digits"):
        store.get(digest)


@given(st.lists(st.binary(max_size=50)))
def test_a_disk_lists_exactly_what_was_put_in_order(
    tmp_path_factory: pytest.TempPathFactory, contents: list[bytes]
) -> None:
    disk = DiskContentStore(tmp_path_factory.mktemp("contents"), fsync=False)
    memory = MemoryContentStore()
    for data in contents:
        assert disk.put(data) == memory.put(data)
    assert (
        list(disk.iterate())
        == list(memory.iterate())
        == sorted({f"sha256:{hashlib.sha256(c).hexdigest()}" for c in contents})
    )


def test_a_content_lies_in_one_file_that_its_owner_alone_can_read(tmp_path: Path) -> None:
    store = DiskContentStore(tmp_path / "contents")
    store.put(b"abc")
    path = tmp_path / "contents" / WHERE
    assert path.read_bytes() == b"abc"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert path.parent.stat().st_mode & 0o077 == 0
    assert os.listdir(path.parent) == [path.name]


def test_nothing_is_made_on_disk_before_the_first_put(tmp_path: Path) -> None:
    store = DiskContentStore(tmp_path / "contents")
    assert list(store.iterate()) == []
    assert not (tmp_path / "contents").exists()


@pytest.mark.parametrize("damage", [b"abd", b"ab", b"", b"abcd"])
def test_damaged_bytes_are_never_given_out_and_are_healed_by_putting_again(tmp_path: Path, damage: bytes) -> None:
    store = DiskContentStore(tmp_path, fsync=False)
    store.put(b"abc")
    (tmp_path / WHERE).write_bytes(damage)
    with pytest.raises(ContentMissing, match="bytes with the digest sha256:"):
        store.get(ABC)
    store.put(b"abc")
    assert store.get(ABC) == b"abc"


def test_a_file_grown_past_the_limit_is_not_read(tmp_path: Path) -> None:
    store = DiskContentStore(tmp_path, size_limit=10, fsync=False)
    store.put(b"abc")
    (tmp_path / WHERE).write_bytes(b"x" * 11)
    with pytest.raises(TooLarge):
        store.get(ABC)


def test_a_link_pipe_or_folder_in_place_of_a_content_is_not_followed(tmp_path: Path) -> None:
    store = DiskContentStore(tmp_path / "contents", fsync=False)
    path = tmp_path / "contents" / WHERE
    path.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").write_bytes(b"abc")
    path.symlink_to(tmp_path / "elsewhere")
    assert not store.has(ABC)
    with pytest.raises(ContentMissing):
        store.get(ABC)
    store.put(b"abc")  # replaces the link, not what it leads to
    assert not path.is_symlink()
    for make in (os.mkfifo, os.mkdir):
        path.unlink()
        make(path)
        assert not store.has(ABC)
        with pytest.raises(ContentMissing):
            store.get(ABC)
        if make is os.mkdir:
            path.rmdir()


def test_a_put_that_fails_midway_leaves_neither_content_nor_remnant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(source: str, target: str) -> None:
        raise OSError(5, "Input/output error")

    store = DiskContentStore(tmp_path, fsync=False)
    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="Input/output"):
        store.put(b"abc")
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
    assert not store.has(ABC)


def test_remnants_of_a_killed_process_are_no_contents(tmp_path: Path) -> None:
    store = DiskContentStore(tmp_path, fsync=False)
    store.put(b"abc")
    ((tmp_path / WHERE).parent / ".0123456789abcdef.part").write_bytes(b"ab")
    (tmp_path / "sha256" / "stray").write_bytes(b"")
    assert list(store.iterate()) == [ABC]


def test_bytes_are_synced_before_the_name_appears_and_the_folders_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    replace, fsync = os.replace, os.fsync

    def seen_replace(source: str, target: str) -> None:
        events.append("replace")
        replace(source, target)

    def seen_fsync(handle: int) -> None:
        events.append("sync folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "sync file")
        fsync(handle)

    monkeypatch.setattr(os, "replace", seen_replace)
    monkeypatch.setattr(os, "fsync", seen_fsync)
    DiskContentStore(tmp_path).put(b"abc")
    assert events == ["sync file", "replace", "sync folder", "sync folder", "sync folder"]
    events.clear()
    DiskContentStore(tmp_path, fsync=False).put(b"other")
    assert events == ["replace"]

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from isce2_recipe.errors import InputError
from isce2_recipe.journal import checkpoints, log
from isce2_recipe.journal.files import FileEntry, Fingerprints, file_digest, tree_digest
from isce2_recipe.journal.lock import WorkdirBusy, hold
from isce2_recipe.journal.log import Done, Journal
from isce2_recipe.paths import JOURNAL, LOCK, STATE_FOLDER


def test_a_files_fingerprint_is_that_of_its_content(tmp_path: Path) -> None:
    content = os.urandom((3 << 20) + 7)
    (tmp_path / "a").write_bytes(content)
    assert file_digest(tmp_path / "a") == hashlib.blake2b(content, digest_size=20).hexdigest()


def _old(path: Path) -> None:
    """Wait until a file is older than one tick of the file system's clock."""
    time.sleep(0.03)
    assert path.exists()


def test_an_untouched_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_text("content")
    _old(path)
    prints = Fingerprints()
    first = prints.content(path)
    reads: list[object] = []
    monkeypatch.setattr("isce2_recipe.journal.files.file_digest", lambda name: reads.append(name) or "read")
    assert prints.content(path) == first
    assert Fingerprints(prints.known()).content(path) == first
    assert reads == []
    assert Fingerprints().content(path) == "read"


def test_same_size_and_time_but_other_content_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("content")
    _old(path)
    prints = Fingerprints()
    before, status = prints.content(path), path.stat()
    path.write_text("tnetnoc")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert prints.content(path) != before


def test_a_folder_counts_by_names_and_contents(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep/a").write_text("same")
        (tmp_path / name / "link").symlink_to("deep/a")
    prints = Fingerprints()
    assert prints.content(tmp_path / "one") == prints.content(tmp_path / "two")
    (tmp_path / "two/deep/a").rename(tmp_path / "two/deep/b")
    assert prints.content(tmp_path / "one") != prints.content(tmp_path / "two")


def test_a_run_in_the_folder_that_it_reads_is_not_its_content(tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text("input")
    before = Fingerprints().content(tmp_path)
    (tmp_path / "run" / STATE_FOLDER).mkdir(parents=True)
    (tmp_path / "run" / "output.txt").write_text("output")
    assert Fingerprints().content(tmp_path) == before
    (tmp_path / "other").mkdir()
    assert Fingerprints().content(tmp_path) != before


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{tmp_path}/none does not exist"):
        Fingerprints().content(tmp_path / "none")


def test_the_order_of_names_does_not_matter() -> None:
    one, two = FileEntry("x", (0, 0, 0, 0)), FileEntry("y", (1, 2, 3, 4))
    assert tree_digest({"a": one, "b": two}) == tree_digest({"b": two, "a": one})
    assert FileEntry.from_json(two.to_json()) == two


def _done(step: str, key: str = "k") -> Done:
    return Done(
        step,
        key,
        {"action": "a v1"},
        {"path": {"$file": "x"}},
        {"x": FileEntry("d", (1, 2, 3, 4)), "y": None},
    )


def test_the_journal_has_the_last_and_the_previous_result(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda text: text)
    for key in ("first", "second"):
        journal.append({"event": "start", "step": "a", "reason": "why"})
        journal.finished(_done("a", key))
    journal.append({"event": "start", "step": "b", "reason": "new", "folder": "isce"})
    journal.close()
    history = log.read(tmp_path)
    assert (history.done["a"].key, history.earlier["a"].key) == ("second", "first")
    assert history.done["a"].made == {"x": FileEntry("d", (1, 2, 3, 4))}
    assert list(history.open) == ["b"]


def test_an_incomplete_line_is_skipped_and_does_not_damage_the_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda text: text)
    journal.finished(_done("a"))
    journal.finished(_done("b"))
    journal.close()
    whole = (tmp_path / JOURNAL).read_bytes()
    for cut in range(len(whole) - 40, len(whole)):
        (tmp_path / JOURNAL).write_bytes(whole[:cut])
        assert list(log.read(tmp_path).done) == ["a"] if cut < len(whole) - 1 else ["a", "b"]
        again = Journal(tmp_path, lambda text: text)
        again.finished(_done("c"))
        again.close()
        assert {"a", "c"} <= set(log.read(tmp_path).done)


def test_a_journal_of_a_later_version_is_refused(tmp_path: Path) -> None:
    journal = Journal(tmp_path, lambda text: text)
    journal.append({"event": "run", "journal": 99})
    journal.close()
    with pytest.raises(InputError, match="later version"):
        log.read(tmp_path)


def test_one_run_at_a_time_holds_the_lock(tmp_path: Path) -> None:
    with hold(tmp_path, "the first") as before:
        assert before is None
        with (
            pytest.raises(WorkdirBusy, match=f"process {os.getpid()} on .*: the first"),
            hold(tmp_path, "second"),
        ):
            pass
    with hold(tmp_path, "third") as before:
        assert before is None


def test_a_lock_of_another_machine_is_respected(tmp_path: Path) -> None:
    (tmp_path / LOCK).parent.mkdir(parents=True)
    (tmp_path / LOCK).write_text('{"pid": 7, "host": "elsewhere", "boot": "other", "since": "then"}')
    with pytest.raises(WorkdirBusy, match="process 7 on elsewhere"), hold(tmp_path, "here"):
        pass


def test_checkpoints_restore_files_folders_and_links(tmp_path: Path) -> None:
    (tmp_path / "isce/sub").mkdir(parents=True)
    (tmp_path / "isce/a").write_text("content")
    (tmp_path / "isce/link").symlink_to("a")
    prints = Fingerprints()
    state = {f"isce/{name}": entry for name, entry in prints.tree(tmp_path / "isce").items()}
    checkpoints.keep(tmp_path, state)
    checkpoints.remove(tmp_path / "isce")
    assert all(checkpoints.restore(tmp_path, name, entry) for name, entry in state.items())
    assert Fingerprints().tree(tmp_path / "isce").keys() == {"sub", "a", "link"}
    assert (tmp_path / "isce/link").read_text() == "content"
    stored = next((tmp_path / ".isce2-recipe/checkpoints").iterdir())
    stored.write_text("rotten")
    assert not checkpoints.restore(tmp_path, "isce/a", state["isce/a"])
    checkpoints.delete_unneeded(tmp_path, set())
    assert list((tmp_path / ".isce2-recipe/checkpoints").iterdir()) == []

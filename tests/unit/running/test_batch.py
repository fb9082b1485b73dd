"""Batches: real runs of a small recipe for every row of a table."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from support.runs import call, command, environment

RECIPE = """recipe: 1
name: simple
summary: Write two texts and join them.
parameters:
  word: {type: string, description: A word., pattern: "^[a-z]+$"}
  looks: {type: integer, minimum: 1, default: 3, description: A number.}
  list: {type: array, items: {type: integer}, default: [], description: Numbers.}
  token: {type: string, default: "", secret: true, description: A secret.}
required: [word]
steps:
  - {id: a, uses: quick.choose, with: {text: "{{ word }}"}}
  - {id: b, uses: quick.write, with: {text: " {{ looks }} {{ list }}"}}
  - {id: c, uses: quick.join, with: {files: ["{{ steps.a.path }}", "{{ steps.b.path }}"]}}
outputs: {product: "{{ steps.c.path }}", text: "{{ steps.c.text }}"}
"""
TABLE = 'name,word,looks,list\none,abc,4,"1, 2"\ntwo,def,,\n# a comment\n\n"th ""ree",ghi,5,7 8\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a recipe and a table."""
    (tmp_path / "simple.yml").write_text(RECIPE)
    (tmp_path / "t.csv").write_text(TABLE)
    return tmp_path


def _batch(folder: Path, *words: object, table: str = "t.csv") -> subprocess.CompletedProcess[str]:
    return call("batch", "simple.yml", "--table", table, *words, cwd=folder)


def test_each_row_has_a_work_directory_and_the_page_shows_all(folder: Path) -> None:
    done = _batch(folder)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "simple_t/rows").iterdir()) == [
        "one", "th_ree-eabf5d37", "two",
    ]  # fmt: skip
    assert (folder / "simple_t/rows/one/c/joined.txt").read_text() == "abc 4 [1, 2]"
    record = json.loads((folder / "simple_t/rows/two/run.json").read_text())
    assert record["parameters"] == {"word": "def", "looks": 3, "list": []}
    assert record["outputs"]["product"] == {"$file": "c/joined.txt"}
    page = (folder / "simple_t/index.html").read_text()
    assert page.count("<tr id=") == 3 and "abc 4 [1, 2]" in page and 'href="rows/one/c/joined.txt"' in page
    alone = call("run", folder / "simple_t/rows/two/resolved.yml", "--workdir", "alone", cwd=folder)
    assert "text: def 3 []" in alone.stdout
    assert "a: cached" in call("explain", "simple_t/rows/two", "a", cwd=folder).stdout.replace(
        "done", "cached"
    )


def test_only_new_and_changed_rows_run(folder: Path) -> None:
    _batch(folder)
    (folder / "t.csv").write_text("word,name,looks\nxyz,four,\ndef,two,9\nabc,one,4\n")
    done = _batch(folder, "--list", "1", "2")
    started = [line.split(":")[0] for line in done.stderr.splitlines() if ": started" in line]
    assert {name for name in started if not name.startswith("rows[four]")} == {"rows[two]/b", "rows[two]/c"}
    assert sorted(path.name for path in (folder / "simple_t/rows").iterdir()) == ["four", "one", "two"]
    assert "everything was up to date" in _batch(folder, "--list", "1", "2").stderr


def test_a_failed_row_leaves_the_others(folder: Path) -> None:
    (folder / "simple_t").mkdir()
    (folder / "simple_t/refused.txt").write_text("abc")
    done = _batch(folder, "--jobs", "1")
    assert done.returncode == 3
    assert "rows[one]/a  'abc' is refused" in done.stderr
    assert "resume with: isce2-recipe batch simple.yml --table t.csv --jobs 1" in done.stderr
    page = (folder / "simple_t/index.html").read_text()
    assert page.count('class="failed"') == 2 and page.count('class="done"') == 2
    assert _batch(folder, "--jobs", "1", "--stop").returncode == 1
    (folder / "simple_t/refused.txt").unlink()
    again = _batch(folder)
    assert again.returncode == 0
    assert {line for line in again.stderr.splitlines() if ": started" in line} == {
        "rows[one]/a: started: it failed in the last run", "rows[one]/c: started: first run",
    }  # fmt: skip


WRONG = {
    "word,lost\nabc,1\ndef,2\n": (
        "t.csv:2:5: row 1, column 'lost': recipe simple has no parameter 'lost' [IR021]\n"
        "   2 | abc,1\n     |     ^\n  hint: did you mean 'list'?\n"
    ),
    "word,looks\nabc,0\nABC,x\n": (
        "t.csv:2:5: row 1, column 'looks': looks must be at least 1, instead got 0 [IR005]\n"
        "   2 | abc,0\n     |     ^\n"
        "t.csv:3:1: row 2, column 'word': word must be text that matches ^[a-z]+$, "
        "instead got 'ABC' [IR005]\n"
        "   3 | ABC,x\n     | ^^^\n"
        "t.csv:3:5: row 2, column 'looks': looks must be a whole number, instead got 'x' [IR005]\n"
        "   3 | ABC,x\n     |     ^\n"
    ),
    "looks\n4\n": (
        "t.csv:2:1: row 1: parameter word is required [IR002]\n   2 | 4\n     | ^\n"
        "  hint: add a column 'word', or --set word=VALUE\n"
    ),
    "word\nabc\nabc\n": "t.csv:3:1: row 2 repeats row 1 [IR003]\n   3 | abc\n     | ^^^\n  hint: remove it\n",
    "name,word\na,b\na,c\n": (
        "t.csv:3:1: row 2 has the name 'a' of row 1 [IR003]\n   3 | a,c\n     | ^\n  hint: remove it\n"
    ),
    'word\n"abc\n': 't.csv:2:1: the quoted value does not end [IR005]\n   2 | "abc\n     | ^^^^\n',
    "word\nabc,1\n": (
        "t.csv:2:5: row 1 has 2 values, and the header has 1 columns [IR005]\n   2 | abc,1\n     |     ^\n"
        '  hint: quote a value that contains the delimiter: "a,b"\n'
    ),
    "word,word\na,b\n": (
        "t.csv:1:6: the column 'word' is there twice [IR003]\n   1 | word,word\n     |      ^^^^\n"
    ),
    "word\n": "error: the table 't.csv' has no rows\n"
    "hint: name parameters in its first line, and give their values in a line for each row\n",
    "word,looks\nabc,1\n,2\n": (
        "t.csv:3:1: row 2, column 'word': the value is empty, and parameter word is required [IR002]\n"
        "   3 | ,2\n     | ^\n  hint: write a value\n"
    ),
    "word,token\nabc,xyz\n": (
        "error: t.csv: the column 'token' contains a secret, "
        "which the records of the run would show [IR046]\n"
        "  hint: give it for all rows: --set token=VALUE\n"
    ),
}


def test_wrong_tables_are_refused_before_anything_starts(folder: Path) -> None:
    for text, expected in WRONG.items():
        (folder / "t.csv").write_text(text)
        done = _batch(folder)
        assert (done.returncode, done.stderr) == (1, expected), text
    assert not (folder / "simple_t").exists()
    missing = _batch(folder, "--json", table="none.csv")
    assert missing.returncode == 1 and "cannot read the table 'none.csv'" in missing.stderr
    assert json.loads(missing.stdout)["event"] == "run.failed"
    words = command("batch", "simple.yml", "--table", "-")
    with Path("/dev/zero").open("rb") as zeros:
        endless = subprocess.run(
            words, cwd=folder, env=environment(), stdin=zeros, capture_output=True, text=True, check=False
        )
    assert endless.returncode == 1
    assert "cannot read the table '-': it is larger than 50,000,000 bytes" in endless.stderr


def test_tables_are_also_yaml_json_and_standard_input(folder: Path) -> None:
    rows = [{"word": "abc", "list": [1]}, {"word": "def"}]
    texts = {"t.yml": "- word: abc\n  list: [1]\n- {word: def}\n", "t.json": json.dumps(rows)}
    texts["-"] = "word;list\nabc;1\ndef;\n"
    for name, text in texts.items():
        (folder / name).write_text(text)
        words = command("batch", "simple.yml", "--table", name, "--workdir", "w")
        done = subprocess.run(
            words, cwd=folder, env=environment(), input=text, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        assert len(list((folder / "w/rows").iterdir())) == 2
    (folder / "t.yml").write_text("- word: abc\n- word: {a: b}\n- 3\n")
    wrong = _batch(folder, table="t.yml")
    assert wrong.stderr == (
        "t.yml:3:3: row 3 of the table must be a mapping of parameters, instead got 3 [IR005]\n"
        "   3 | - 3\n     |   ^\n"
    )


def test_a_batch_ends_with_one_error_if_its_executor_cannot_be_opened(folder: Path) -> None:
    pytest.importorskip("distributed")
    done = _batch(folder, "--executor", "dask:nofile.json")
    assert done.returncode == 1
    assert done.stderr.count("error: cannot read nofile.json") == 1
    assert "failed" not in done.stderr and "started" not in done.stderr
    assert _batch(folder).returncode == 0
    again = _batch(folder, "--executor", "dask:nofile.json")  # which is not opened: nothing has to run
    assert again.returncode == 0 and "everything was up to date" in again.stderr


def test_a_removed_row_takes_the_records_along_that_the_batch_wrote(folder: Path) -> None:
    _batch(folder)
    (folder / "simple_t/rows/two/notes.txt").write_text("mine")
    (folder / "t.csv").write_text("name,word\nrenamed,abc\n")
    done = _batch(folder)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (folder / "simple_t/rows").iterdir()] == ["renamed"]
    kept = [path for path in (folder / "simple_t/set-aside").rglob("*") if path.is_file()]
    assert [path.name for path in kept] == ["notes.txt"]
    assert '"removed":["one","two"' in (folder / "simple_t/.isce2-recipe/journal.jsonl").read_text()


def test_an_edited_recipe_of_a_removed_row_is_set_aside(folder: Path) -> None:
    _batch(folder)
    (folder / "simple_t/rows/two/resolved.yml").write_text("mine")
    (folder / "t.csv").write_text("name,word\none,abc\n")
    assert "no step made rows/two/resolved.yml" in _batch(folder).stderr


def test_a_column_that_is_also_an_option_is_refused(folder: Path) -> None:
    for words in (["--word", "other"], ["--set", "word=other"]):
        done = _batch(folder, *words)
        assert done.returncode == 2
        assert "parameter word is given on the command line and by the column 'word'" in done.stderr
    (folder / "common.yml").write_text("looks: 9\n")  # a file gives what rows leave empty
    assert _batch(folder, "--params", "common.yml").returncode == 0
    assert (folder / "simple_t/rows/two/c/joined.txt").read_text() == "def 9 []"


def test_the_name_of_a_row_stands_for_its_id(folder: Path) -> None:
    _batch(folder)
    name = 'rows[th "ree]/a'
    assert "rows[th_ree-eabf5d37]/a: done" in call("explain", "simple_t", name, cwd=folder).stdout
    again = _batch(folder, "--force", name)
    assert "rows[th_ree-eabf5d37]/a: started: --force" in again.stderr


def test_tables_without_rows_and_bad_json(folder: Path) -> None:
    texts = {
        "e.json": ("[]", "error: the table 'e.json' has no rows"),
        "e.yml": ("\n", "error: the table 'e.yml' has no rows"),
        "m.json": (
            '{"word": ["a", "b"]}',
            "m.json:1:1: the table must be a list of rows, instead got a mapping",
        ),
        "b.json": ('[{"word": abc]', "b.json:1:11: not JSON: Expecting value"),
    }
    for name, (text, expected) in texts.items():
        (folder / name).write_text(text)
        done = _batch(folder, table=name)
        assert done.returncode == 1 and done.stderr.startswith(expected), done.stderr
        assert "YAML" not in done.stderr and "recipe: 1" not in done.stderr

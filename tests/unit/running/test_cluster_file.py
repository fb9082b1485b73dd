"""Cluster files: what is wrong in them is reported with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from isce2_recipe.errors import RecipeToolError, UsageError
from isce2_recipe.running.dask_cluster import Connection, connect, read_cluster_file

LOCAL = "class: distributed.LocalCluster\n"
GOOD = "class: distributed.LocalCluster\nkwargs: {n_workers: 2, threads_per_worker: 1, memory_limit: 2GB}\n"


def _read(folder: Path, text: str):
    path = folder / "cluster.yml"
    path.write_text(text)
    return read_cluster_file(path)


def test_arguments_of_the_class_and_of_its_workers_are_known(tmp_path: Path) -> None:
    found = _read(tmp_path, GOOD + "scale: {n: 2}\nwait: 5 min\n")
    assert found.kwargs["memory_limit"] == "2GB"
    assert (found.scale, found.adapt, found.wait) == ({"n": 2}, {}, 300.0)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("clas: x\n", 1, "did you mean 'class'?"),
        (GOOD + "kwarg: {}\n", 3, "the cluster file has no key 'kwarg'"),
        ("kwargs: {}\n", 1, "is missing the key 'class'"),
        ("class: LocalCluster\n", 1, "a full name of a cluster class such as distributed.LocalCluster"),
        ("class: distributed.LocalClutser\n", 1, "did you mean 'LocalCluster'?"),
        ("class: no_such_package.Cluster\n", 1, "pip install no-such-package"),
        ("class: json.JSONDecoder\n", 1, "is no cluster class of Dask"),
        ("class: distributed.LocalCluster\nkwargs:\n  n_worker: 2\n", 3, "did you mean 'n_workers'?"),
        ("class: dask_jobqueue.SLURMCluster\nkwargs:\n  cores: 1\n  queu: a\n", 4, "did you mean 'queue'?"),
        (GOOD + "scale: 3\n", 3, "scale must be a mapping"),
        (GOOD + "scale: {n: 1}\nadapt: {maximum: 2}\n", 4, "either scale or adapt"),
        (GOOD + "wait: soon\n", 3, "wait must be a duration"),
        (GOOD + "wait: -3s\n", 3, "wait must be a duration"),
        ("class: [a\n", 1, "not YAML"),
        ("- a\n", 1, "must be a mapping"),
        ("", 1, "the file is empty"),
        (LOCAL + "kwargs: {n_workers: two}\n", 2, "kwargs.n_workers must be a whole number"),
        (LOCAL + "kwargs: {n_workers: -1}\n", 2, "kwargs.n_workers must be at least 0"),
        (LOCAL + "kwargs: {threads_per_worker: 0}\n", 2, "must be at least 1"),
        (LOCAL + "kwargs: {memory_limit: lots}\n", 2, "kwargs.memory_limit must be a size such as 16GB"),
        (LOCAL + "kwargs: {resources: 3}\n", 2, "kwargs.resources must be a mapping"),
        (LOCAL + "kwargs: {asynchronous: true}\n", 2, "kwargs.asynchronous must be false"),
        (LOCAL + "kwargs: {scheduler_port: 99999}\n", 2, "must be at most 65535"),
        (LOCAL + "kwargs: {local_directory: $NO_SUCH_NAME/x}\n", 2, "NO_SUCH_NAME of the environment is not"),
        (LOCAL + "scale: {x: 1}\n", 2, "LocalCluster.scale has no argument 'x'"),
        (LOCAL + "scale: {n: many}\n", 2, "scale.n must be a whole number"),
        (LOCAL + "adapt: {maximun: 1}\n", 2, "did you mean 'maximum'?"),
        (LOCAL + "adapt: {minimum: 3, maximum: 1}\n", 2, "maximum 1 is smaller than the minimum 3"),
        ("class: distributed.deploy.cluster.Cluster\n", 1, "is no cluster class"),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    if "jobqueue" in text:
        pytest.importorskip("dask_jobqueue")
    with pytest.raises(RecipeToolError) as caught:
        _read(tmp_path, text)
    assert caught.value.exit_code == 1
    assert f"cluster.yml:{line}:" in str(caught.value)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [
        ("00:10:00", 600), ("1-00:00:00", 86_400), ("30", 1800), ("01:30", 5400), ("2h", 7200),
        ("2-12", 216_000), ("as long as it takes", float("inf")),
    ],
)  # fmt: skip
def test_a_timeout_longer_than_the_walltime_is_refused(tmp_path: Path, walltime: str, seconds: float) -> None:
    pytest.importorskip("dask_jobqueue")
    text = f'class: dask_jobqueue.SLURMCluster\nkwargs:\n  cores: 1\n  walltime: "{walltime}"\n'
    link = Connection(None, "here", 60.0, None, _read(tmp_path, text))
    assert link.walltime == seconds
    link.refuse_timeout("a", min(seconds, 1e9))
    if seconds < float("inf"):
        with pytest.raises(RecipeToolError, match="is shorter than the timeout of step a") as caught:
            link.refuse_timeout("a", seconds + 1)
        assert "cluster.yml:4:" in str(caught.value)


@pytest.mark.parametrize("text", ["nonsense", "foo://a:1", "tcp://a", "tcp://a:b", "tcp://a:99999", "8786"])
def test_what_is_no_address_is_refused_at_once(text: str) -> None:
    with pytest.raises(UsageError, match="is not the address of a Dask scheduler"):
        connect(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "No such file"), ("{", "is not the file of a Dask scheduler"), ("[]", "it has no address")],
)
def test_a_wrong_scheduler_file_is_refused(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "scheduler.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RecipeToolError, match=message):
        connect(str(path))


def test_the_files_of_the_documentation_are_read(tmp_path: Path) -> None:
    pytest.importorskip("dask_jobqueue")
    text = (Path(__file__).parents[3] / "docs/cluster.md").read_text()
    files = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    names = [_read(tmp_path, one).kind.__name__ for one in files if "dask_kubernetes" not in one]
    assert names == ["LocalCluster", "SLURMCluster"]


def test_variables_are_those_of_this_machine_or_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACE", "/tmp/a")
    found = _read(tmp_path, LOCAL + 'kwargs: {local_directory: "${PLACE}/$PLACE"}\n')
    assert found.kwargs["local_directory"] == "/tmp/a//tmp/a"
    pytest.importorskip("dask_jobqueue")
    text = "class: dask_jobqueue.SLURMCluster\nkwargs: {cores: 1, local_directory: $TMPDIR/x}\n"
    assert _read(tmp_path, text).kwargs["local_directory"] == "$TMPDIR/x"

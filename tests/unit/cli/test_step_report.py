"""Tests of the report of an application's steps: times, memory, silence and failure."""

from __future__ import annotations

import io
import re
import subprocess
import sys
import time

import pytest

from isce2_recipe.cli.step_report import StepReport

STEPS = ("topo", "filter", "unwrap")


def seconds(line: str, name: str) -> float:
    return float(re.search(rf"{name} ([\d.]+) s", line)[1])


def test_time_and_memory_of_each_step_and_of_all_are_printed():
    output = io.StringIO()
    with StepReport("topsApp", STEPS, output) as report:
        report.progress(0.0, "topo")
        start = time.process_time()
        while time.process_time() < start + 0.3:
            pass
        report.progress(0.4, "topo: IW2 burst 1")
        report.progress(0.5, "filter")
        report.progress(1.0, "done")
    topo, filtering, total = output.getvalue().splitlines()
    assert topo.startswith("topo: done in ")
    assert filtering.startswith("filter: done in ")
    assert total.startswith("topsApp: 2 steps done in ")
    assert seconds(topo, "processor time") >= 0.3
    assert seconds(filtering, "processor time") < 0.3
    assert seconds(total, "processor time") >= 0.3
    assert re.search(r", peak memory \d[\d.]* [MG]B$", total)


def test_a_running_child_process_is_included():
    program = "import time; a = bytearray(300_000_000); print(flush=True); start = time.process_time()\n"
    program += "while time.process_time() < start + 0.4: pass\n"
    program += "print(flush=True); input()"
    output = io.StringIO()
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        with StepReport("topsApp", STEPS, output) as report:
            report.progress(0.0, "topo")
            child.stdout.readline()
            child.stdout.readline()
            report.progress(0.5, "unwrap")
        child.communicate("\n")
    topo = output.getvalue().splitlines()[0]
    assert seconds(topo, "processor time") >= 0.4
    size, unit = re.search(r"peak memory ([\d.]+) ([MG]B)", topo).groups()
    assert float(size) * {"MB": 1, "GB": 1000}[unit] >= 300


def test_a_silent_step_is_reported_with_its_position():
    output = io.StringIO()
    with StepReport("stripmapApp", STEPS, output, silence_s=0.1) as report:
        report.progress(0.25, "topo: IW2 burst 3")
        for _ in range(200):
            if "still running" in output.getvalue():
                break
            time.sleep(0.05)
    assert re.match(
        r"topo: still running after [\d.]+ s; 25% of stripmapApp, topo: IW2 burst 3\n", output.getvalue()
    )


def test_a_step_with_output_is_not_silent():
    output = io.StringIO()
    with StepReport("topsApp", STEPS, output) as report:
        report.progress(0.0, "topo")
        time.sleep(0.6)
    assert "still running" not in output.getvalue()


def test_a_failure_names_the_step_and_prints_no_total():
    output = io.StringIO()
    with (
        pytest.raises(RuntimeError, match="full"),
        StepReport("topsApp", STEPS, output) as report,
    ):
        report.progress(0.5, "filter")
        raise RuntimeError("disk full")
    assert re.fullmatch(r"filter: stopped after [^\n]*\n", output.getvalue())

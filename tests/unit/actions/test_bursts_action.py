"""The action that finds the dates of a stack, and the command that prints them."""

from __future__ import annotations

import json
import logging
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from isce2_recipe.actions.base import Context
from isce2_recipe.actions.bursts import check_choices, find, search
from isce2_recipe.cli.commands import run_command_line
from isce2_recipe.errors import InputError, ParameterError
from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import BurstRecord
from isce2_recipe.sources.catalog import read_catalog

LOG = logging.getLogger("test")
SOURCE = "simulated:clean,lines=64,samples=256"
BOX = {"area": "53.5,27.55,53.8,27.8", "start": "2020-06-01", "end": "2020-06-20"}


@pytest.fixture(scope="module")
def source():
    return open_source(SOURCE)


def context_of(folder: Path, source) -> Context:
    return Context(folder, folder, source, None, LOG, lambda fraction, text: None, 1)


class Partial:
    """The simulated source without some granules."""

    def __init__(self, source, *missing: str) -> None:
        self.source, self.missing = source, missing

    def search_bursts(self, query, log):
        found = self.source.search_bursts(query, log)
        return [record for record in found if not record.name.startswith(self.missing)]


def test_the_action_writes_a_catalogue_for_each_date(tmp_path, source):
    found = find.function(context_of(tmp_path, source), **BOX, track=64, reference_date="2020-06-10")
    assert [each.date for each in found.dates] == ["20200604", "20200610", "20200616"]
    assert [each.platform for each in found.dates] == ["S1A", "S1B", "S1A"]
    assert found.reference == found.dates[1]
    assert found.bursts == ["136230_IW2", "136231_IW2", "136232_IW2"]
    assert (found.relative_orbit, found.direction, found.polarization) == (64, "DESCENDING", "VV")
    for each in found.dates:
        assert list(read_catalog(each.catalog, BurstRecord)) == each.granules
    # A longer period leaves the files of the first dates as they are.
    (tmp_path / "more").mkdir()
    more = find.function(context_of(tmp_path / "more", source), **BOX | {"end": "2020-07-01"}, track=64)
    assert len(more.dates) == 5
    for one, two in zip(found.dates, more.dates, strict=False):
        assert one.catalog.read_bytes() == two.catalog.read_bytes()


def test_the_choice_of_the_track_is_stated(source):
    found = search(source, LOG, BOX)
    assert found.notes[0].startswith("4 dates from 20200601 to 20200619 of 3 bursts, track 28 ascending")
    assert "of the area on 4 dates (others: track" in found.notes[1]
    with_direction = search(source, LOG, BOX | {"direction": "descending"})
    assert with_direction.track.numbers == [64]


def test_incomplete_dates_are_named(source):
    partial = Partial(source, "S1_136231_IW2_20200610")
    found = search(partial, LOG, BOX | {"track": 64})
    assert found.notes[-1] == "date 20200610 is left out: it misses 136231_IW2"
    with pytest.raises(InputError, match="1 of 3 dates miss bursts: 20200610 misses 136231_IW2"):
        search(partial, LOG, BOX | {"track": 64, "incomplete": "fail"})
    found = search(partial, LOG, BOX | {"track": 64, "incomplete": "drop_burst"})
    assert "burst 136231_IW2 is left out: it is missing on 20200610" in found.notes


def test_bursts_that_join_the_others_are_searched(source):
    arms = "((53.6 27.3, 53.7 27.3, 53.7 27.31, 53.6 27.3)), ((53.6 27.9, 53.7 27.9, 53.7 27.91, 53.6 27.9))"
    found = search(source, LOG, BOX | {"area": f"MULTIPOLYGON ({arms})", "track": 64})
    numbers = [each.number for each in found.choice.bursts if each.swath == 2]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    assert len(numbers) > 3


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"start": "2020-06-30"}, "the end of the period, 2020-06-20, is before its start"),
        ({"start": "June"}, "start must be a date such as 2020-06-01, instead got 'June'"),
        ({"end": "2020-02-30"}, "end must be a date"),
        ({"start": "2010-01-01", "end": "2011-01-01"}, "was launched later, on 2014-04-03"),
        ({"start": "2099-01-01", "end": "2099-12-31"}, "that is in the future"),
        ({"track": 176}, "there is no track 176"),
        (
            {"area": "-10,35,30,60"},
            r"needs at least 5,569 bursts on each date .* GB .* hours",
        ),
        ({"area": "somewhere"}, "'somewhere' is not an area"),
        ({"area": "136231_IW2 136233_IW2"}, "cannot be joined without 136232_IW2"),
        ({"area": "136231_IW2 277243_IW1"}, "not of one pass: .* of track 130 ascending"),
        ({"area": "065_136231_IW2"}, "is of track 64, not 65"),
    ],
)
def test_wrong_inputs_are_refused_before_the_search(inputs, message):
    with pytest.raises((ParameterError, InputError), match=message):
        find.check(BOX | inputs)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"end": "2020-06-05", "track": 64}, r"needs two dates or more; 1 can be used .* on 20200604"),
        ({"area": "0,-89,10,-88"}, "there are no VV bursts over 0 to 10 E, -89 to -88 N"),
        ({"track": 65}, "from 2020-06-01 to 2020-06-20, on track 65"),
        ({"limit": 5}, r"has 12 granules, 3 bursts on 4 dates, which are about .* GB .*; the limit is 5"),
    ],
)
def test_searches_without_a_stack_are_refused(source, inputs, message):
    with pytest.raises(InputError, match=message):
        search(source, LOG, BOX | inputs)


def test_a_period_may_begin_and_end_in_any_century(source):
    period = {"start": "0001-01-01", "end": "9999-12-31"}
    with pytest.raises(InputError, match=r"has [\d,]+ granules, .* the limit is 5"):
        search(source, LOG, {"area": "136231_IW2", **period, "limit": 5})
    with pytest.raises(ParameterError, match="in the future"):
        find.check(BOX | {"start": "9999-12-31", "end": "9999-12-31"})


def test_a_reference_that_is_no_date_is_refused(tmp_path, source):
    with pytest.raises(InputError, match="no date 20200605 for its reference"):
        find.function(context_of(tmp_path, source), **BOX, track=64, reference_date="20200605")


def test_the_key_changes_daily_while_granules_may_still_arrive():
    today = datetime.now(UTC)
    for end, expected in ((f"{today:%Y-%m-%d}", f"{today:%Y-%m-%d}"), ("2020-06-20", None)):
        assert find.fingerprint(BOX | {"end": end}, (), lambda path: None) == expected


def test_the_command_prints_dates_and_the_command_that_runs_them(tmp_path, capsys):
    area = tmp_path / "my area.geojson"
    area.write_text(json.dumps({"type": "Point", "coordinates": [53.65, 27.65]}))
    words = ["find", "--source", SOURCE, "--area", str(area), "--start", BOX["start"], "--end", BOX["end"]]
    assert run_command_line([*words, "--track", "64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines if line.startswith("2020")] == [
        ["20200604", "S1A"], ["20200610", "S1B"], ["20200616", "S1A"]
    ]  # fmt: skip
    command = shlex.split(lines[-1])
    assert command[:3] == ["isce2-recipe", "run", "insar_stack"]
    assert command[command.index("--area") + 1] == str(area)
    assert command[command.index("--track") + 1] == "64"
    assert run_command_line([*words, "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["dates"]) == 4
    assert run_command_line([*words[:-1], "2020-05-01"]) == 1
    assert "is before its start" in capsys.readouterr().err


def test_the_map_and_the_jumps_are_compared_with_the_dates(source, tmp_path) -> None:
    ctx = context_of(tmp_path, source)
    scenes = find.function(ctx, **BOX, track=64)
    given = {"dates": scenes.dates, "reference": scenes.reference, "looks": "20x4"}
    west, south, east, north = scenes.bounds
    check_choices.function(ctx, **given, grid={"bounds": [west, south, east, north]}, jumps=["2020-06-10"])
    with pytest.raises(InputError, match=r"the box of the map .* does not touch the scene"):
        check_choices.function(ctx, **given, grid={"bounds": [10, 20, 11, 21]})
    for jump in ("2030-01-01", scenes.dates[0].date):
        with pytest.raises(InputError, match=f"jumps has the date {jump}, but the series begins on 20200604"):
            check_choices.function(ctx, **given, jumps=[jump])

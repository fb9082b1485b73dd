"""Searches for bursts by area and time in all sources."""

from __future__ import annotations

import logging
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from isce2_recipe.area import parse_area
from isce2_recipe.errors import InputError, SourceError
from isce2_recipe.sentinel1.burst_ids import BurstId
from isce2_recipe.sources.asf.source import AsfSource
from isce2_recipe.sources.base import group_by_pass
from isce2_recipe.sources.burst_query import BurstQuery
from isce2_recipe.sources.directory import DirectorySource
from isce2_recipe.sources.simulated.options import SimulationOptions
from isce2_recipe.sources.simulated.source import SimulatedSource
from isce2_recipe.types import BurstName
from support.burst_granules import Slc
from support.cmr import burst_item

LOG = logging.getLogger("test")
AREA = parse_area("53.5,27.55,53.8,27.8")
QUERY = BurstQuery(
    start=datetime(2020, 6, 1, tzinfo=UTC),
    stop=datetime(2020, 6, 20, tzinfo=UTC),
    polarization="VV",
    area=AREA,
    track=64,
)
ONE = replace(QUERY, area=None, track=None, bursts=(BurstId(136231, 2),))


@pytest.fixture(scope="module")
def simulated() -> SimulatedSource:
    return SimulatedSource(SimulationOptions(lines=64, samples=256))


@pytest.fixture(scope="module")
def made(simulated, tmp_path_factory) -> Path:
    """A folder with the bursts of three dates."""
    root = tmp_path_factory.mktemp("directory")
    for record in simulated.search_bursts(ONE, LOG):
        simulated.fetch_burst(record, root / "bursts", LOG, lambda fraction, text: None)
    return root


class TestSimulated:
    def test_every_pass_of_all_satellites_is_found(self, simulated):
        found = simulated.search_bursts(QUERY, LOG)
        passes = group_by_pass(found)
        assert [(p[0].platform, p[0].start.day) for p in passes] == [("S1A", 4), ("S1B", 10), ("S1A", 16)]
        assert {str(BurstId.of(BurstName.parse(record.name))) for record in found} == {
            "136230_IW2", "136231_IW2", "136232_IW2"
        }  # fmt: skip
        # The real granules of these passes have the same names, but for the product's suffix.
        assert any(record.name.startswith("S1_136231_IW2_20200604T0223") for record in found)

    @pytest.mark.parametrize(
        ("year", "expected"),
        [
            (2013, ""),
            (2015, "S1A"),
            (2018, "S1A S1B"),
            (2022, "S1A"),
            (2025, "S1A S1C"),
            (2026, "S1A S1C S1D"),
        ],
    )
    def test_satellites_are_found_in_their_period_of_service(self, simulated, year, expected):
        start = datetime(year, 3, 1, tzinfo=UTC)
        query = replace(QUERY, start=start, stop=start + timedelta(days=24))
        found = simulated.search_bursts(query, LOG)
        assert sorted({record.platform for record in found}) == expected.split()
        passes = [group[0] for group in group_by_pass(found)]
        for platform in expected.split():
            own = [record.start for record in passes if record.platform == platform]
            assert abs((own[1] - own[0]).total_seconds() - 12 * 86400) < 2

    def test_a_found_name_is_the_pass_that_was_found(self, simulated):
        found = simulated.search_bursts(QUERY, LOG)
        assert simulated.find_bursts([BurstName.parse(record.name) for record in found], LOG) == found

    def test_the_whole_area_is_covered_by_the_bursts_of_a_track(self):
        whole = SimulatedSource()
        query = replace(QUERY, area=parse_area("53.0,27.2,55.2,27.6"), stop=datetime(2020, 6, 5, tzinfo=UTC))
        found = whole.search_bursts(query, LOG)
        assert {BurstName.parse(record.name).swath for record in found} == {1, 2, 3}
        assert all(query.area.meets(record.footprint) for record in found)
        # A burst next to those that were found does not share ground with the area.
        ids = {BurstName.parse(record.name).identifier for record in found}
        others = [each for each in _around(found) if each.identifier not in ids]
        missed = whole.find_bursts(others, LOG)
        assert not [record.name for record in missed if query.area.meets(record.footprint)]

    def test_an_area_across_the_equator_and_the_antimeridian(self, simulated):
        query = replace(QUERY, area=parse_area("179.4,-0.6,-179.4,0.6"), track=None)
        found = simulated.search_bursts(query, LOG)
        assert {record.direction for record in found} == {"ASCENDING", "DESCENDING"}

    def test_there_is_nothing_where_no_track_is_or_in_the_future(self, simulated):
        assert simulated.search_bursts(replace(QUERY, track=65), LOG) == []
        assert simulated.search_bursts(replace(QUERY, area=parse_area("0,-89,10,-88"), track=None), LOG) == []
        future = datetime.now(UTC) + timedelta(days=30)
        later = replace(QUERY, start=future, stop=future + timedelta(days=24))
        assert simulated.search_bursts(later, LOG) == []

    def test_too_many_bursts_are_refused_before_they_are_listed(self, simulated):
        with pytest.raises(InputError, match=r"finds 9 bursts \(about 1.4 GB .* more than 8"):
            simulated.search_bursts(replace(QUERY, limit=8), LOG)
        with pytest.raises(InputError, match=r"needs at least 5,569 bursts on each date .* hours"):
            replace(QUERY, area=parse_area("-10,35,30,60")).check_area()


def _around(found) -> list[BurstName]:
    """Return the names of the bursts next to those that were found."""
    names = [BurstName.parse(record.name) for record in found]
    numbers = range(
        min(each.relative_burst for each in names) - 3, max(each.relative_burst for each in names) + 4
    )
    return [names[0]._replace(relative_burst=n, swath=swath) for n in numbers for swath in (1, 2, 3)]


FIRST = BurstName.parse("S1_136231_IW2_20200604T022309_VV_7C85-BURST")
NEXT = BurstName.parse("S1_136232_IW2_20200604T022312_VV_7C85-BURST")


class TestDirectory:
    @pytest.fixture
    def folder(self, made, tmp_path) -> Path:
        shutil.copytree(made, tmp_path, dirs_exist_ok=True)
        return tmp_path

    def test_what_the_folder_holds_is_found(self, simulated, folder):
        source = DirectorySource(folder)
        every = replace(QUERY, area=parse_area("50,25,57,30"), track=None)
        names = {record.name for record in simulated.search_bursts(ONE, LOG)}
        assert {record.name for record in source.search_bursts(every, LOG)} == names
        assert len(source.search_bursts(ONE, LOG)) == 3
        assert source.search_bursts(replace(ONE, bursts=(BurstId(136232, 2),)), LOG) == []
        assert source.search_bursts(replace(every, direction="ASCENDING"), LOG) == []
        assert source.search_bursts(replace(every, track=130), LOG) == []
        assert source.search_bursts(replace(every, polarization="HH"), LOG) == []
        assert source.search_bursts(replace(every, area=parse_area("0,0,1,1")), LOG) == []
        assert len(source.search_bursts(replace(every, stop=datetime(2020, 6, 5, tzinfo=UTC)), LOG)) == 1

    def test_metadata_without_a_measurement_is_no_granule(self, folder, caplog):
        lost = min((folder / "bursts").glob("*.tiff"))
        lost.unlink()
        every = replace(QUERY, area=parse_area("50,25,57,30"))
        assert lost.stem not in {record.name for record in DirectorySource(folder).search_bursts(every, LOG)}
        assert f"the metadata of {lost.stem}, but not its measurement" in caplog.text

    def test_a_file_whose_name_is_no_burst_is_ignored(self, folder):
        (folder / "bursts" / "S1_x-BURST.xml").write_text("")
        assert DirectorySource(folder).search_bursts(replace(QUERY, area=parse_area("50,25,57,30")), LOG)


class TestAsf:
    @pytest.fixture
    def source(self, server) -> AsfSource:
        server.items = [burst_item(name, Slc(), k, server.url) for k, name in enumerate((FIRST, NEXT))]
        return AsfSource(server.environment())

    def test_bursts_are_found_by_area(self, source, server):
        query = replace(QUERY, area=parse_area("53.92,27.05,53.95,27.1"), track=None)
        assert [record.name for record in source.search_bursts(query, LOG)] == [str(NEXT)]
        wide = replace(query, area=parse_area("53,27,55,28"), track=64, direction="DESCENDING")
        assert {record.name for record in source.search_bursts(wide, LOG)} == {str(FIRST), str(NEXT)}
        assert server.searches[-1]["bounding_box"] == ["52.99,26.99,55.01,28.01"]
        shape = replace(
            query, area=parse_area("POLYGON ((53.92 27.05, 53.95 27.05, 53.94 27.1, 53.92 27.05))")
        )
        assert [record.name for record in source.search_bursts(shape, LOG)] == [str(NEXT)]
        assert "polygon" in server.searches[-1]

    def test_bursts_are_found_by_their_ids(self, source, server):
        query = replace(QUERY, area=None, bursts=(BurstId(136232, 2),), track=None)
        assert [record.name for record in source.search_bursts(query, LOG)] == [str(NEXT)]
        assert server.searches[-1]["attribute[]"][-1].endswith("BURST_ID_FULL,064_136232_IW2")

    def test_the_catalogue_decides_and_the_area_is_checked_again(self, source):
        # Between the two arms of the area is ground that its convex hull covers.
        arms = "MULTIPOLYGON (((53 27, 53.1 27, 53.1 27.1, 53 27)), ((54.5 27, 54.6 27, 54.6 27.1, 54.5 27)))"
        assert source.search_bursts(replace(QUERY, area=parse_area(arms)), LOG) == []

    def test_nothing_is_found_on_other_days(self, source):
        query = replace(QUERY, area=parse_area("53,27,55,28"), start=datetime(2020, 6, 5, tzinfo=UTC))
        assert source.search_bursts(query, LOG) == []

    def test_too_many_bursts_are_counted_and_not_fetched(self, source, server):
        with pytest.raises(InputError, match="finds 2 bursts"):
            source.search_bursts(replace(QUERY, area=parse_area("53,27,55,28"), limit=1), LOG)
        assert [asked["page_size"] for asked in server.searches] == [["0"]]

    def test_a_catalogue_that_does_not_answer_is_reported(self, source, server):
        server.faults["/search/granules.umm_json"] = [500] * 9
        with pytest.raises(SourceError, match="catalogue"):
            source.search_bursts(QUERY, LOG)

"""Downloads with faults, waits and parallel runs, against a real server on this machine."""

from __future__ import annotations

import base64
import json
import logging
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from isce2_recipe.actions import preflight
from isce2_recipe.actions.base import Budget, Context
from isce2_recipe.engines.builtin import BuiltinEngine
from isce2_recipe.errors import InputError, SourceError
from isce2_recipe.sources.asf import AsfSource, formats
from isce2_recipe.sources.asf.cache import Cache
from isce2_recipe.sources.asf.credentials import find_credentials
from isce2_recipe.sources.asf.settings import Settings
from isce2_recipe.sources.base import AlosRecord, BurstRecord, SlcRecord
from isce2_recipe.sources.catalog import write_catalog
from support import asf_server
from support.downloads import FILE, LOG, TIFF, fetch, ranges, silent
from support.files import tiff

START = datetime(2020, 6, 4, 2, 23, 12, tzinfo=UTC)
POEORB = "S1A_OPER_AUX_POEORB_OPOD_20210314T184202_V20200603T225942_20200605T005942.EOF"
LATER = "S1A_OPER_AUX_POEORB_OPOD_20210315T184202_V20200615T225942_20200617T005942.EOF"
RESORB = "S1A_OPER_AUX_RESORB_OPOD_20200604T055104_V20200604T013000_20200604T044732.EOF"


SLOT = """
import sys
from pathlib import Path
from isce2_recipe.sources.asf.cache import Cache
with Cache(Path(sys.argv[1]), 1e9).slot(2):
    pass
"""


class TestTransfers:
    @pytest.mark.parametrize("fault", ["stall", "slow"])
    def test_a_download_that_stalls_is_resumed(self, server, tmp_path, fault):
        server.faults[FILE] = [fault]
        server.patience_s = 600.0
        assert fetch(server, tmp_path / "a.tif", TIMEOUT_S="0.3").read_bytes() == TIFF
        assert ranges(server)[0] is None and ranges(server)[1].startswith("bytes=")

    def test_headers_that_drip_are_interrupted(self, server, tmp_path):
        server.faults[FILE] = ["drip"]
        server.patience_s = 600.0
        assert fetch(server, tmp_path / "a.tif", TIMEOUT_S="0.5").read_bytes() == TIFF

    def test_headers_that_drip_are_reported(self, server, tmp_path):
        server.faults[FILE] = ["drip"] * 9
        with pytest.raises(SourceError, match=r"Read timed out.*\(tried 3 times\)"):
            fetch(server, tmp_path / "a.tif", TIMEOUT_S="0.3")

    def test_a_damaged_file_is_fetched_again(self, server, tmp_path):
        server.checksums.add(FILE)
        server.faults[FILE] = ["damage"]
        assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF
        assert ranges(server) == [None, None]

    def test_a_damaged_file_is_retried_a_limited_number_of_times(self, server, tmp_path):
        server.checksums.add(FILE)
        server.faults[FILE] = ["damage"] * 9
        with pytest.raises(SourceError, match=r"its MD5 checksum is not the server's \(tried 3 times\)"):
            fetch(server, tmp_path / "a.tif")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 501])
    def test_a_permanent_status_is_not_retried(self, server, tmp_path, status):
        server.faults[FILE] = [status] * 9
        with pytest.raises(SourceError):
            fetch(server, tmp_path / "a.tif")
        assert server.count(FILE) == 1

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_a_temporary_status_is_retried(self, server, tmp_path, status):
        server.faults[FILE] = [status, status]
        assert fetch(server, tmp_path / "a.tif").read_bytes() == TIFF
        assert server.count(FILE) == 3

    def test_a_full_disk_is_reported(self, server, tmp_path):
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        (tmp_path / "a.tif.part").symlink_to("/dev/full")
        with pytest.raises(OSError, match="No space left"):
            fetch(server, tmp_path / "a.tif")
        assert server.count(FILE) == 1


class TestMirrors:
    def test_the_next_mirror_has_the_file(self, server, tmp_path):
        server.files["/mirror/n25e050.tif"] = TIFF
        del server.files[FILE]
        urls = f"{server.url}/water {server.url}/mirror"
        assert fetch(server, tmp_path / "a.tif", WATER_MASK_URL=urls).read_bytes() == TIFF

    def test_an_unreachable_mirror_costs_no_wait(self, server, tmp_path):
        server.files["/mirror/n25e050.tif"] = TIFF
        server.faults[FILE] = ["reset"] * 9
        urls = f"{server.url}/water {server.url}/mirror"
        assert fetch(server, tmp_path / "a.tif", WATER_MASK_URL=urls, RETRY_WAIT_S="60")

    def test_pieces_of_two_servers_are_not_mixed(self, server, tmp_path):
        other = tiff(bytes(len(TIFF)))
        server.files["/mirror/n25e050.tif"] = other
        server.faults[FILE] = ["truncate"]
        urls = f"{server.url}/water {server.url}/mirror"
        assert fetch(server, tmp_path / "a.tif", WATER_MASK_URL=urls).read_bytes() == other

    def test_a_file_that_no_mirror_has_is_reported_for_the_first(self, server, tmp_path):
        urls = f"{server.url}/water {server.url}/mirror"
        del server.files[FILE]
        with pytest.raises(SourceError, match=rf"{FILE} does not exist"):
            fetch(server, tmp_path / "a.tif", WATER_MASK_URL=urls)
        assert server.count(FILE) == server.count("/mirror/n25e050.tif") == 1

    def test_the_login_has_mirrors(self, server):
        urls = f"{server.url}/gone.xml {server.url}/cookie.xml"
        server.faults["/gone.xml"] = [503] * 9
        AsfSource(server.environment(ISCE2_RECIPE_ASF_COOKIE_URL=urls))._client(LOG).log_in()
        assert (server.count("/gone.xml"), server.count("/oauth/authorize")) == (1, 1)

    def test_settings_know_all_addresses_of_a_file(self):
        settings = Settings.from_environment({"ISCE2_RECIPE_ASF_DEM_URL": "https://a/x/ https://b"})
        assert settings.dem_url == "https://a/x"
        assert settings.mirrors_of("https://a/x/t.tif") == ["https://a/x/t.tif", "https://b/t.tif"]
        assert settings.mirrors_of("https://a/xy/t.tif") == ["https://a/xy/t.tif"]
        assert len(Settings().mirrors_of(Settings().geoid_url)) == 2


class TestCache:
    def test_a_file_is_downloaded_once(self, cached, tmp_path):
        for name in ("a", "b"):
            assert fetch(cached, tmp_path / name / "n.tif").read_bytes() == TIFF
        assert cached.count(FILE) == 1

    def test_a_changed_file_in_the_cache_is_downloaded_again(self, cached, tmp_path):
        first = fetch(cached, tmp_path / "a" / "n.tif")
        first.write_bytes(TIFF[:-1] + b"!")
        assert fetch(cached, tmp_path / "b" / "n.tif").read_bytes() == TIFF
        assert cached.count(FILE) == 2

    def test_the_next_run_resumes_a_download(self, cached, tmp_path):
        cached.faults[FILE] = ["truncate"]
        with pytest.raises(SourceError, match="could not fetch"):
            fetch(cached, tmp_path / "a" / "n.tif", ATTEMPTS="1")
        assert list((tmp_path / "a").iterdir()) == []
        assert fetch(cached, tmp_path / "a" / "n.tif").read_bytes() == TIFF
        assert int(ranges(cached)[1].removeprefix("bytes=").rstrip("-")) > 0

    def test_a_file_that_changed_at_the_server_is_downloaded_from_its_beginning(self, cached, tmp_path):
        cached.faults[FILE] = ["truncate"]
        with pytest.raises(SourceError):
            fetch(cached, tmp_path / "a" / "n.tif", ATTEMPTS="1")
        cached.files[FILE] = changed = tiff(bytes(len(TIFF)))
        assert fetch(cached, tmp_path / "a" / "n.tif").read_bytes() == changed

    def test_parallel_runs_download_a_file_once(self, cached, tmp_path):
        fork = multiprocessing.get_context("fork")
        runs = [fork.Process(target=fetch, args=(cached, tmp_path / str(k) / "n.tif")) for k in range(6)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
        assert [run.exitcode for run in runs] == [0] * 6
        assert all((tmp_path / str(k) / "n.tif").read_bytes() == TIFF for k in range(6))
        assert cached.count(FILE) == 1

    def test_the_least_recently_used_files_are_deleted_first(self, cached, tmp_path):
        for number in range(4):
            cached.files[f"/f{number}.tif"] = TIFF
            fetch(cached, tmp_path / f"{number}.tif", f"/f{number}.tif", CACHE_GB=str(2.5 * len(TIFF) / 1e9))
        kept = sorted(path.name.partition("-")[2] for path in Path(cached.cache).glob("*.tif"))
        assert kept == ["f2.tif", "f3.tif"]
        assert all((tmp_path / f"{number}.tif").read_bytes() == TIFF for number in range(4))

    def test_the_beginning_of_a_broken_download_is_trimmed_too(self, cached, tmp_path):
        cached.faults[FILE] = ["truncate"]
        with pytest.raises(SourceError):
            fetch(cached, tmp_path / "a.tif", ATTEMPTS="1")
        assert [path.name for path in Path(cached.cache).glob("*.part*")] != []
        Cache(Path(cached.cache), 0).trim()
        assert list(Path(cached.cache).glob("*.part*")) == []

    def test_files_in_use_are_not_trimmed(self, tmp_path):
        cache = Cache(tmp_path / "cache", 0)
        with cache.entry("https://x/a.tif") as entry:
            entry.partial.write_bytes(b"part")
            cache.trim()
            assert entry.partial.exists()
        assert not entry.partial.exists()

    def test_simultaneous_downloads_of_all_processes_are_limited(self, tmp_path):
        cache = Cache(tmp_path / "cache", 1e9)
        with cache.slot(2), cache.slot(2):
            waiting = subprocess.Popen([sys.executable, "-c", SLOT, str(tmp_path / "cache")])
            with pytest.raises(subprocess.TimeoutExpired):
                waiting.wait(1.0)
        assert waiting.wait(5) == 0

    def test_a_full_disk_of_the_cache_only_disables_the_cache(self, cached, tmp_path, caplog):
        if not Path("/dev/full").exists():
            pytest.skip("needs /dev/full")
        fetch(cached, tmp_path / "a.tif")
        [kept] = Path(cached.cache).glob("*.tif")
        kept.unlink()
        kept.with_name(f"{kept.name}.part").symlink_to("/dev/full")
        assert fetch(cached, tmp_path / "b.tif").read_bytes() == TIFF
        assert "the cache cannot be used ([Errno 28] No space left on device" in caplog.text

    def test_a_deleted_or_corrupted_cache_is_harmless(self, cached, tmp_path):
        environment = cached.environment()
        client = AsfSource(environment)._client(LOG)
        shutil.rmtree(cached.cache)
        url = cached.url + FILE
        client.download(url, tmp_path / "a.tif", format=formats.TIFF, progress=silent)
        fetch(cached, tmp_path / "b.tif")
        for path in Path(cached.cache).glob("*.json"):
            path.write_text("[]")
        assert fetch(cached, tmp_path / "c.tif").read_bytes() == TIFF
        for path in Path(cached.cache).glob("*.tif"):
            path.write_bytes(b"rubbish")
            path.with_name(f"{path.name}.part").write_bytes(b"rubbish")
            path.with_name(f"{path.name}.part.json").write_text("rubbish")
        assert fetch(cached, tmp_path / "d.tif").read_bytes() == TIFF
        assert cached.count(FILE) == 3  # the folder that was deleted is made again

    @pytest.mark.parametrize("cache", ["none", "cache"])
    def test_a_wait_for_the_extractor_does_not_occupy_a_slot(self, server, tmp_path, cache):
        server.cache = cache if cache == "none" else str(tmp_path / cache)
        server.protected["/slow.tif"] = TIFF
        server.pending["/slow.tif"] = 10**6
        one = {"ISCE2_RECIPE_ASF_DOWNLOADS": "1", "ISCE2_RECIPE_ASF_EXTRACTION_TIMEOUT_S": "60"}
        client = AsfSource(server.environment(**one))._client(LOG)
        client.log_in()
        waiting = {"target": tmp_path / "slow.tif", "format": formats.TIFF, "progress": silent}
        thread = threading.Thread(target=client.download, args=(server.url + "/slow.tif",), kwargs=waiting)
        thread.start()
        while server.count("/slow.tif") < 3:
            time.sleep(0.01)
        path = client.download(server.url + FILE, tmp_path / "a.tif", format=formats.TIFF, progress=silent)
        assert path.read_bytes() == TIFF and thread.is_alive()
        server.pending["/slow.tif"] = 0
        thread.join(10)
        assert (tmp_path / "slow.tif").read_bytes() == TIFF

    @pytest.mark.parametrize("setting", [{"CACHE": "none"}, {"CACHE_GB": "0"}, {"CACHE": "/proc/nowhere"}])
    def test_the_cache_can_be_disabled(self, cached, tmp_path, setting):
        assert fetch(cached, tmp_path / "n.tif", **setting).read_bytes() == TIFF
        assert not Path(cached.cache).exists()

    def test_other_users_cannot_read_the_cache(self, cached, tmp_path):
        fetch(cached, tmp_path / "n.tif")
        assert Path(cached.cache).stat().st_mode & 0o077 == 0


def token(**claims) -> str:
    parts = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({}, claims)
    )
    return ".".join((*parts, "signature"))


class TestCredentials:
    def test_a_token_has_the_time_of_its_expiry(self):
        found = find_credentials({"EARTHDATA_TOKEN": token(exp=1600000000)}, "https://x")
        assert found.expires == datetime(2020, 9, 13, 12, 26, 40, tzinfo=UTC)
        assert find_credentials({"EARTHDATA_TOKEN": "plain"}, "https://x").expires is None

    def test_an_expired_token_is_not_sent(self, server):
        environment = server.environment(EARTHDATA_TOKEN=token(exp=1600000000))
        with pytest.raises(SourceError, match=r"EARTHDATA_TOKEN expired on 2020-09-13 12:26 UTC") as caught:
            AsfSource(environment)._client(LOG).log_in()
        assert "https://urs.earthdata.nasa.gov/user_tokens" in caught.value.hint
        assert server.requests == []

    def test_a_netrc_that_others_can_read_is_used_with_a_warning(self, server, tmp_path, caplog):
        netrc = tmp_path / ".netrc"
        netrc.write_text(f'machine 127.0.0.1 login {asf_server.USER} password "{asf_server.PASSWORD}"\n')
        netrc.chmod(0o644)
        environment = server.environment(EARTHDATA_USERNAME="", EARTHDATA_PASSWORD="", HOME=str(tmp_path))
        AsfSource(environment)._client(LOG).log_in()
        assert f"chmod 600 {netrc}" in caplog.text
        netrc.chmod(0o600)
        assert find_credentials(environment, server.login_url).warning == ""

    def test_the_log_names_the_login_and_no_secret(self, server, caplog):
        caplog.set_level(logging.DEBUG)
        AsfSource(server.environment())._client(LOG).log_in()
        assert "logging in to Earthdata with EARTHDATA_USERNAME and EARTHDATA_PASSWORD" in caplog.text
        assert asf_server.PASSWORD not in caplog.text
        basic = base64.b64encode(f"{asf_server.USER}:{asf_server.PASSWORD}".encode()).decode()
        assert basic not in caplog.text


class TestOrbits:
    def fetch(self, server, folder, **settings):
        environment = server.environment(**settings)
        return AsfSource(environment).fetch_orbit("S1A", START, START + timedelta(seconds=3), folder, LOG)

    def test_a_restituted_orbit_is_reported(self, server, tmp_path, caplog):
        server.files[f"/{RESORB}"] = b"<Earth_Explorer_File/>"
        assert self.fetch(server, tmp_path).name == RESORB
        assert "the precise orbit is not published yet" in caplog.text

    @pytest.mark.parametrize("name", [POEORB.replace("S1A", "S1B"), POEORB.replace("20200605T", "20200604T")])
    def test_an_orbit_of_another_satellite_or_time_is_refused(self, server, tmp_path, name):
        server.files[f"/{name}"] = b"<Earth_Explorer_File/>"
        with pytest.raises(SourceError, match="does not cover S1A from 2020-06-04T02:23:12"):
            self.fetch(server, tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_an_orbit_file_that_ends_early_is_fetched_again(self, server, tmp_path):
        server.files[f"/{POEORB}"] = whole = b"<Earth_Explorer_File>" + bytes(500) + b"</Earth_Explorer_File>"
        server.faults[f"/{POEORB}"] = ["unsized", 503, "truncate"]
        assert self.fetch(server, tmp_path, ISCE2_RECIPE_ASF_ATTEMPTS="4").read_bytes() == whole
        server.faults[f"/{POEORB}"] = [501]
        with pytest.raises(SourceError, match="answered 501"):
            self.fetch(server, tmp_path)

    def test_a_mirror_has_the_orbit(self, server, tmp_path):
        server.files[f"/{POEORB}"] = b"<Earth_Explorer_File/>"
        urls = f"{server.url}/nothing {server.url}/scene"
        assert self.fetch(server, tmp_path, ISCE2_RECIPE_ASF_ORBIT_URL=urls).name == POEORB


class TestPreflight:
    """All problems are reported in one message before a large download."""

    def records(self, *, west: float = 53.3, bytes_: int = 150_000_000) -> list[BurstRecord]:
        ring = ((west, 27.0), (west + 0.4, 27.0), (west + 0.4, 27.2), (west, 27.2), (west, 27.0))
        common = {
            "platform": "S1A",
            "index": 1,
            "absolute_orbit": 32861,
            "relative_orbit": 64,
            "direction": "DESCENDING",
        }
        times = {"start": START, "stop": START + timedelta(seconds=3)}
        slc = "S1A_IW_SLC__1SSV_20200604T022251_20200604T022318_032861_03CE65_7C85"
        return [BurstRecord(name="burst", slc=slc, footprint=ring, bytes=bytes_, **common, **times)]

    def check(self, server, tmp_path, budget: Budget = Budget(), records=None, **environment):  # noqa: B008
        out = tmp_path / "out"
        out.mkdir(exist_ok=True)
        context = Context(
            workdir=tmp_path,
            out=out,
            source=AsfSource(server.environment(**environment)),
            engine=BuiltinEngine(),
            log=LOG,
            progress=silent,
            cpus=1,
            budget=lambda: budget,
        )
        catalog = write_catalog(records or self.records(), tmp_path / "bursts.json")
        return preflight.check.function(context, catalog=catalog)

    def test_all_checks_pass(self, server, tmp_path):
        server.files[f"/{POEORB}"] = b"<Earth_Explorer_File/>"
        done = self.check(server, tmp_path)
        lines = done.report.read_text().splitlines()
        assert [line.partition(":")[0] for line in lines] == [
            "ok    granules",
            "ok    antimeridian",
            "ok    Earthdata login",
            "ok    orbit of S1A 2020-06-04",
            "ok    terrain",
            "ok    water mask",
            "ok    disk",
            "ok    memory",
        ]
        assert done.summary == (
            "8 checks passed; Earthdata login accepted, from EARTHDATA_USERNAME and EARTHDATA_PASSWORD"
        )

    def test_the_names_of_a_pair_are_checked(self, server, tmp_path):
        server.files[f"/{POEORB}"] = b"<Earth_Explorer_File/>"
        server.files[f"/{LATER}"] = b"<Earth_Explorer_File/>"
        server.orbits = {"20200604": f"/{POEORB}", "20200616": f"/{LATER}"}
        names = ("S1_136231_IW2_20200604T022312_VV_7C85-BURST", "S1_136231_IW2_20200616T022313_VV_5D11-BURST")
        older, newer = (replace(self.records()[0], name=name) for name in names)
        newer = replace(
            newer,
            absolute_orbit=33036,
            start=START + timedelta(days=12, seconds=1),
            stop=START + timedelta(days=12, seconds=4),
        )
        done = self.check(server, tmp_path, records=[newer, older])
        text = done.report.read_text()
        assert "ok    pair: 1 of VV in IW2, contiguous, the same in both passes" in text
        other = replace(newer, name=names[1].replace("136231", "136232"))
        with pytest.raises(InputError, match="Burst number"):
            self.check(server, tmp_path, records=[older, other])

    @pytest.mark.parametrize(
        ("kind", "names", "detail"),
        [
            (
                SlcRecord,
                (
                    "S1A_IW_SLC__1SDV_20200604T022251_20200604T022318_032861_03CE65_7C85",
                    "S1A_IW_SLC__1SSV_20200616T022252_20200616T022319_033036_03D3A3_5D11",
                ),
                "of one track, both hold VV",
            ),
            (
                AlosRecord,
                ("ALPSRP156121200", "ALPSRP162831200"),
                "of one track and frame, 46 days apart",
            ),
        ],
    )
    def test_the_names_of_slcs_and_scenes_are_checked(self, kind, names, detail):
        shared = {name.name: getattr(self.records()[0], name.name) for name in fields(kind)}
        records = [
            kind(**(shared | {"name": name, "start": START + timedelta(days=12 * number)}))
            for number, name in enumerate(names)
        ]
        assert [(one.state, one.detail) for one in preflight._pairing(records)] == [("ok", detail)]
        assert list(preflight._pairing(records[:1])) == []

    def test_all_problems_are_reported_together(self, server, tmp_path):
        del server.files[FILE]
        little = Budget(memory=4e9, memory_there=2e9, disk=20e9, disk_there=1e6)
        with pytest.raises(InputError) as caught:
            self.check(server, tmp_path, little, EARTHDATA_PASSWORD="mistaken")
        message = caught.value.message
        assert message.startswith("this run has 4 problems:")
        for part in (
            "Earthdata login: Earthdata Login refuses user 'reader'",
            "orbit of S1A 2020-06-04: ",
            "water mask: ",
            "disk: the inputs alone need 300 MB while they are prepared, 1.0 MB are free",
        ):
            assert part in message
        assert "mistaken" not in str(caught.value)
        assert "reset_passwords" in caught.value.hint and "--workdir" in caught.value.hint

    def test_a_licence_not_accepted(self, server, tmp_path):
        server.files[f"/{POEORB}"] = b"<Earth_Explorer_File/>"
        server.eula_accepted = False
        with pytest.raises(InputError, match="EULA acceptance required") as caught:
            self.check(server, tmp_path)
        assert "https://urs.example/accept_eulas?eula_id=sentinel" in caught.value.hint

    def test_notes_do_not_stop_the_run(self, server, tmp_path):
        server.files[f"/{RESORB}"] = b"<Earth_Explorer_File/>"
        little = Budget(memory=4e9, memory_there=2e9, disk=20e9, disk_there=10e9)
        done = self.check(server, tmp_path, little)
        text = done.report.read_text()
        assert "note  orbit of S1A 2020-06-04: only a restituted one exists so far" in text
        assert "note  disk: the steps request up to 20.0 GB, 10.0 GB are free" in text
        assert "note  memory: a step requests up to 4.0 GB, this machine has 2.0 GB" in text
        assert len(done.notes) == text.count("note  ") >= 3
        assert any(note.startswith("Before the run, disk: the steps request up to") for note in done.notes)

    def test_open_sea(self, server, tmp_path):
        server.files |= {f"/{POEORB}": b"<Earth_Explorer_File/>", "/water/s50w035.tif": TIFF}
        at_sea = self.records(west=-32.5)
        sea = [(lon, lat - 73.0) for lon, lat in at_sea[0].footprint]
        at_sea = [replace(at_sea[0], footprint=tuple(sea))]
        with pytest.raises(InputError, match=r"Copernicus has none at S4\d_W03\d"):
            self.check(server, tmp_path, records=at_sea)

    def test_a_fault_of_a_service_is_not_an_input_error(self, server, tmp_path):
        server.files[f"/{POEORB}"] = b"<Earth_Explorer_File/>"
        server.faults[FILE] = [503] * 9
        with pytest.raises(SourceError, match="answered 503"):
            self.check(server, tmp_path)


def test_the_cache_of_the_user_is_not_used():
    """No test may write into the user's cache."""
    assert os.environ.get("ISCE2_RECIPE_ASF_CACHE") is None

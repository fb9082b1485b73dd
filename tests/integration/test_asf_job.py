"""The burst recipe with all inputs from the network: a local server that behaves as the services do."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
import rasterio
from moto.server import ThreadedMotoServer

from isce2_recipe.sources import open_source
from isce2_recipe.types import Bounds, BurstName
from support import asf_server
from support.main_job import REFERENCE, SECONDARY, TINY, silent

pytestmark = pytest.mark.slow

LOG = logging.getLogger("test")


def item(record, name: BurstName, host: str) -> dict[str, Any]:
    """Return the catalogue's entry of a simulated burst."""
    path = f"{host}/{record.slc}/IW{name.swath}/{name.polarization}/{record.index}"
    values = {
        "ASCENDING_DESCENDING": record.direction,
        "AZIMUTH_ANX_TIME": "2026.2",
        "AZIMUTH_TIME": record.start.replace(tzinfo=None).isoformat(),
        "BEAM_MODE": "IW",
        "BURST_ID_ABSOLUTE": "26364401",
        "BURST_ID_FULL": f"{record.relative_orbit:03d}_{name.relative_burst:06d}_IW{name.swath}",
        "BURST_ID_RELATIVE": name.relative_burst,
        "BURST_INDEX": record.index,
        "BYTE_LENGTH": record.bytes,
        "CENTER_LAT": record.footprint[0][1],
        "CENTER_LON": record.footprint[0][0],
        "GROUP_ID": "group",
        "LINES_PER_BURST": 1500,
        "PATH_NUMBER": record.relative_orbit,
        "POLARIZATION": name.polarization,
        "PROCESSING_TYPE": "BURST",
        "SAMPLES_PER_BURST": 24000,
        "SUBSWATH_NAME": f"IW{name.swath}",
    }
    points = [{"Longitude": lon, "Latitude": lat} for lon, lat in record.footprint]
    begin, end = (when.replace(tzinfo=None).isoformat() + "Z" for when in (record.start, record.stop))
    return {
        "meta": {"concept-id": f"G{record.absolute_orbit}-ASF", "native-id": str(name), "provider-id": "ASF"},
        "umm": {
            "GranuleUR": str(name),
            "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": begin, "EndingDateTime": end}},
            "OrbitCalculatedSpatialDomains": [{"OrbitNumber": record.absolute_orbit}],
            "AdditionalAttributes": [{"Name": key, "Values": [str(value)]} for key, value in values.items()],
            "SpatialExtent": {
                "HorizontalSpatialDomain": {"Geometry": {"GPolygons": [{"Boundary": {"Points": points}}]}}
            },
            "CollectionReference": {"ShortName": "SENTINEL-1_BURSTS", "Version": "1"},
            "PGEVersionClass": {"PGEName": "Sentinel-1 IPF", "PGEVersion": "003.31"},
            "RelatedUrls": [
                {"URL": f"{path}.{suffix}", "Type": "USE SERVICE API", "Format": kind}
                for suffix, kind in (("tiff", "GeoTIFF"), ("xml", "XML"))
            ],
            "InputGranules": [f"{record.slc}-SLC"],
            "Platforms": [{"ShortName": "SENTINEL-1A", "Instruments": [{"ShortName": "C-SAR"}]}],
        },
    }


def stock(server: asf_server.AsfServer, folder: Path) -> None:
    """Fill the server with the README's pair as the simulator makes it."""
    source = open_source(TINY)
    names = [BurstName.parse(text) for text in (REFERENCE, SECONDARY)]
    bounds: Bounds | None = None
    for name, record in zip(names, source.find_bursts(names, LOG), strict=True):
        files = source.fetch_burst(record, folder, LOG, silent)
        base = f"/{record.slc}/IW{name.swath}/{name.polarization}/{record.index}"
        server.protected |= {
            f"{base}.tiff": files.tiff.read_bytes(),
            f"{base}.xml": files.metadata.read_bytes(),
        }
        server.names[f"{base}.tiff"] = f"{name}.tiff"
        server.pending[f"{base}.tiff"] = 3
        server.faults[f"{base}.tiff"] = ["truncate", 503]
        server.items.append(item(record, name, server.url))
        orbit = source.fetch_orbit(record.platform, record.start, record.stop + timedelta(0), folder, LOG)
        server.orbits[f"{record.start:%Y%m%d}"] = f"/{orbit.name}"
        server.files[f"/{orbit.name}"] = orbit.read_bytes()
        bounds = record.bounds if bounds is None else bounds.union(record.bounds)
    assert bounds is not None
    _stock_terrain(server, folder, source, bounds.buffered(0.3))


def _stock_terrain(server: asf_server.AsfServer, folder: Path, source, bounds: Bounds) -> None:
    """Add the one-degree tile of the simulated terrain above a geoid of 20 m, and the water mask.

    Only the part of the tile inside ``bounds`` is simulated; the rest is flat.
    """
    south, west, cells = int(bounds.south), int(bounds.west), 3600
    assert (south, west) == (int(bounds.north), int(bounds.east)), "the bounds lie in one tile"
    # Posts lie at whole arc seconds, the first one on the tile's northern and western edge.
    half = 1 / cells / 2
    transform = rasterio.Affine(1 / cells, 0, west - half, 0, -1 / cells, south + 1 + half)
    heights = np.zeros((cells, cells), np.float32)
    with rasterio.open(source.fetch_dem(bounds, folder, LOG, silent)) as dataset:
        column, row = (round(value) for value in ~transform * (dataset.transform.c, dataset.transform.f))
        heights[row : row + dataset.height, column : column + dataset.width] = dataset.read(1) - 20
        profile = dataset.profile | {"height": cells, "width": cells, "transform": transform}
    with rasterio.open(folder / "tile.tif", "w", **profile) as tile:
        tile.write(heights, 1)
        tile.update_tags(AREA_OR_POINT="Point")
    name = f"Copernicus_DSM_COG_10_N{south:02d}_00_E{west:03d}_00_DEM"
    server.files[f"/dem30/{name}/{name}.tif"] = (folder / "tile.tif").read_bytes()
    geoid = np.full((360, 720), 20, dtype=np.float32)
    shape = {"height": 360, "width": 720, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    affine = rasterio.Affine(0.5, 0, -180, 0, -0.5, 90)
    with rasterio.open(folder / "geoid.tif", "w", driver="GTiff", transform=affine, **shape) as dataset:
        dataset.write(geoid, 1)
    server.files["/geoid.tif"] = (folder / "geoid.tif").read_bytes()
    for tile_path in source.fetch_water_mask(bounds, folder, LOG, silent):
        server.files[f"/water/{tile_path.name}"] = tile_path.read_bytes()


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Run the command against both servers; yield its output, the servers and the work directory."""
    folder = tmp_path_factory.mktemp("asf")
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    with asf_server.running() as server:
        (folder / "made").mkdir()
        stock(server, folder / "made")
        server.cache = str(folder / "cache")
        aws = {
            "AWS_ACCESS_KEY_ID": "key-of-a-test",
            "AWS_SECRET_ACCESS_KEY": "secret-of-a-test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        }
        s3 = boto3.client(
            "s3",
            endpoint_url=aws["AWS_ENDPOINT_URL"],
            aws_access_key_id="key-of-a-test",
            aws_secret_access_key="secret-of-a-test",
            region_name="us-east-1",
        )
        s3.create_bucket(Bucket="products")
        words = ["--source", "asf", "--engine", "builtin", "--reference", REFERENCE, "--secondary", SECONDARY]
        words += ["--bucket", "products", "--bucket-prefix", "job", "--workdir", str(folder / "run")]
        done = subprocess.run(
            [sys.executable, "-m", "isce2_recipe", "run", "insar_tops_burst", *words],
            env={**os.environ, **server.environment(ISCE2_RECIPE_ASF_EXTRACTION_TIMEOUT_S="60"), **aws},
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        yield done, server, s3, folder
    moto.stop()


def test_the_product_is_made_of_files_from_the_network(job):
    _, _, _, folder = job
    outputs = json.loads((folder / "run" / "run.json").read_text())["outputs"]
    assert outputs["name"].startswith("S1_136231_IW2_20200604_20200616_VV_INT80_")
    with rasterio.open(folder / "run" / "terrain" / "dem" / "dem.tif") as fetched:
        box = Bounds(*fetched.bounds)
        here = fetched.read(1)
        centre = fetched.xy(here.shape[0] // 2, here.shape[1] // 2)
    truth = open_source(TINY).fetch_dem(box.buffered(-0.01), folder, LOG, silent)
    with rasterio.open(truth) as dataset:
        row, column = dataset.index(*centre)
        assert here[here.shape[0] // 2, here.shape[1] // 2] == pytest.approx(
            dataset.read(1)[row, column], abs=0.05
        )


def test_the_preflight_report_precedes_the_bursts(job):
    _, server, _, folder = job
    text = (folder / "run" / "preflight" / "preflight.txt").read_text()
    assert "Earthdata login: accepted, from EARTHDATA_USERNAME and EARTHDATA_PASSWORD" in text
    assert "bucket products: there, login from AWS_ACCESS_KEY_ID" in text
    order = [path for path, _ in server.requests]
    first_burst = next(place for place, path in enumerate(order) if path.partition("?")[0].endswith(".tiff"))
    assert any(path.startswith("/scene/") for path in order[:first_burst])
    assert any(path.startswith("/water/") for path in order[:first_burst])


def test_everything_is_in_the_bucket(job):
    _, _, s3, folder = job
    keys = {found["Key"] for found in s3.list_objects_v2(Bucket="products")["Contents"]}
    [product] = (path for path in (folder / "run" / "package").iterdir() if path.is_dir())
    # The crate's name is the same for all products: it is only in the archive.
    files = {path.name for path in product.iterdir()} - {"ro-crate-metadata.json"}
    assert keys == {f"job/{name}" for name in (*files, f"{product.name}.zip")}


def test_no_secret_is_in_any_file(job):
    done, _, _, folder = job
    secrets = [
        word.encode() for word in (asf_server.PASSWORD, "secret-of-a-test", "asf-urs=yes", "signature=1")
    ]
    for path in [*(folder / "run").rglob("*"), *(folder / "cache").rglob("*")]:
        if path.is_file():
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path
    assert asf_server.PASSWORD not in done.stdout + done.stderr

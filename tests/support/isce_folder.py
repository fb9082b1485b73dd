"""Folders in the layout of ISCE2, whose layers are known functions of the ground."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from isce2_recipe.paths import TOPS_PROC
from isce2_recipe.products.facts import HowMade, Processing
from isce2_recipe.products.grid_choice import GridChoice
from isce2_recipe.products.layers import LAYERS
from isce2_recipe.products.making import ProductRequest, make_product
from isce2_recipe.products.package import Product, template_text
from isce2_recipe.products.parameter_file import perpendicular_baseline_m
from isce2_recipe.products.sentinel1_products import burst_facts, tops_request
from isce2_recipe.sar.annotation import BurstGeometry, RangePolynomial, Weighting
from isce2_recipe.types import BurstName, Looks

STEP = 1 / 3600
MAP_LAYERS = (
    "unw_phase", "wrapped_phase", "corr", "coherence", "conncomp", "dem", "lv_theta", "lv_phi", "amp",
    "water_mask",
)  # fmt: skip
"""The layers in map geometry that every product of bursts has."""
SECONDARY_START = datetime(2020, 6, 16, 2, 23, 14, 963847, tzinfo=UTC)
_GDAL_TYPES = {"u1": "Byte", "f4": "Float32", "f8": "Float64", "c8": "CFloat32"}


def write_isce(path: Path, bands: np.ndarray, first: tuple[float, float] | None = None) -> None:
    """Write an ISCE2 raster (BIL) with GDAL's header; ``first`` is ISCE2's longitude and latitude."""
    count, rows, cols = bands.shape
    bands.transpose(1, 0, 2).tofile(path)
    size = bands.dtype.itemsize
    place = "" if first is None else f"{first[0]!r}, {STEP!r}, 0.0, {first[1]!r}, 0.0, {-STEP!r}"
    header = f"<SRS>EPSG:4326</SRS><GeoTransform>{place}</GeoTransform>" if place else ""
    name = _GDAL_TYPES[bands.dtype.str[1:]]
    text = "".join(
        f'<VRTRasterBand dataType="{name}" band="{band + 1}" subClass="VRTRawRasterBand">'
        f'<SourceFilename relativeToVRT="1">{path.name}</SourceFilename><ByteOrder>LSB</ByteOrder>'
        f"<ImageOffset>{band * cols * size}</ImageOffset><PixelOffset>{size}</PixelOffset>"
        f"<LineOffset>{count * cols * size}</LineOffset></VRTRasterBand>"
        for band in range(count)
    )
    path.with_name(f"{path.name}.vrt").write_text(
        f'<VRTDataset rasterXSize="{cols}" rasterYSize="{rows}">{header}{text}</VRTDataset>'
    )


def write_geotiff(path: Path, values: np.ndarray, west: float, north: float) -> None:
    import rasterio
    from affine import Affine

    with rasterio.open(
        path,
        "w",
        driver="GTiff",
        dtype=values.dtype,
        count=1,
        height=values.shape[0],
        width=values.shape[1],
        crs="EPSG:4326",
        transform=Affine(STEP, 0, west, 0, -STEP, north),
    ) as dataset:
        dataset.write(values, 1)


def burst(**changes: object) -> BurstGeometry:
    """Return a burst with plausible numbers."""
    values: dict[str, object] = {
        "platform": "S1B",
        "swath": 2,
        "polarization": "VV",
        "direction": "Descending",
        "absolute_orbit": 21804,
        "index": 0,
        "start": datetime(2020, 6, 4, 2, 23, 13, 963847, tzinfo=UTC),
        "sensing_start": datetime(2020, 6, 4, 2, 23, 12, 900000, tzinfo=UTC),
        "ascending_node": datetime(2020, 6, 4, 1, 0, tzinfo=UTC),
        "lines": 41,
        "samples": 165,
        "azimuth_interval_s": 0.002055556299999998,
        "near_range_m": 846099.1914484155,
        "range_spacing_m": 2.329562114715323,
        "range_sampling_hz": 64345238.12571428,
        "wavelength_m": 0.05546576,
        "prf_hz": 486.48631029955294,
        "fm_rate": RangePolynomial(0.0058, (-2300.0,)),
        "doppler": RangePolynomial(0.0058, (0.0,)),
        "steering_rate_rad_s": 0.0171,
        "heading_deg": -167.9294,
        "terrain_height_m": 300.0,
        "range_weighting": Weighting("Hamming", 0.75, 48300000.0),
        "azimuth_weighting": Weighting("Hamming", 0.75, 313.0),
        "first_valid_line": 2,
        "valid_lines": 36,
        "first_valid_sample": 25,
        "valid_samples": 130,
        "burst_id": 136231,
    }
    return BurstGeometry(**(values | changes))  # type: ignore[arg-type]


@dataclass
class Ground:
    """A scene of ``rows`` by ``cols`` pixels of one arc second; the outer ring holds no data.

    ``first`` is the centre of the first pixel. Arrays may be changed before `write`.
    """

    rows: int = 150
    cols: int = 180
    first: tuple[float, float] = (53.5, 27.5)
    ring: int = 12
    layers: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lon, lat = self.places()
        inside = np.zeros((self.rows, self.cols), bool)
        inside[self.ring : -self.ring, self.ring : -self.ring] = True
        self.inside = inside
        self.layers = {
            "phase": self.phase(lon, lat),
            "amplitude": self.amplitude(lon, lat),
            "coherence": np.full(inside.shape, 0.9),
            "component": np.ones(inside.shape),
            "incidence": np.full(inside.shape, 39.0),
            "azimuth": np.full(inside.shape, -257.5),
            "height": self.height(lon, lat),
            "land": np.ones(inside.shape),
        }

    def places(self) -> tuple[np.ndarray, np.ndarray]:
        lon = self.first[0] + STEP * np.arange(self.cols)
        lat = self.first[1] - STEP * np.arange(self.rows)
        return np.meshgrid(lon, lat)

    @staticmethod
    def phase(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return 500.0 * (lon - 53.52) + 300.0 * (lat - 27.48)

    @staticmethod
    def amplitude(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return 1000.0 + 3600.0 * (lon - 53.5) - 7200.0 * (lat - 27.5)

    @staticmethod
    def height(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
        return 100.0 + 3600.0 * (lat - 27.5)

    def write(self, folder: Path) -> None:
        merged = folder / "isce" / "merged"
        merged.mkdir(parents=True)
        value = {name: np.where(self.inside, layer, 0.0) for name, layer in self.layers.items()}
        phasor = np.where(self.inside, value["amplitude"] * np.exp(1j * value["phase"]), 0)
        geocoded = {
            "filt_topophase.unw": np.stack([value["amplitude"], value["phase"]]).astype("f4"),
            "filt_topophase.flat": phasor[None].astype("c8"),
            "phsig.cor": value["coherence"][None].astype("f4"),
            "topophase.cor": np.stack([value["amplitude"], 0.7 * value["coherence"]]).astype("f4"),
            "filt_topophase.unw.conncomp": value["component"][None].astype("u1"),
            "los.rdr": np.stack([value["incidence"], value["azimuth"]]).astype("f4"),
        }
        for name, bands in geocoded.items():
            write_isce(merged / f"{name}.geo", bands, self.first)
        (folder / "isce" / "topsProc.xml").write_text(
            "<a><Input_list:_>[2]</Input_list:_><IW-2_Bperp_at_midrange_for_first_common_burst>-101.25"
            "</IW-2_Bperp_at_midrange_for_first_common_burst></a>"
        )
        west, north = self.first[0] - STEP / 2, self.first[1] + STEP / 2
        write_geotiff(folder / "dem.tif", self.layers["height"].astype("f4"), west, north)
        write_geotiff(folder / "water_mask.tif", self.layers["land"].astype("u1"), west, north)


def write_radar_files(isce: Path, geometry: BurstGeometry, looks: Looks) -> None:
    """Write the sources of a single burst's layers in radar geometry: latitude = line, longitude = sample."""
    fine = isce / "fine_interferogram" / f"IW{geometry.swath}"
    fine.mkdir(parents=True)
    shape = (geometry.lines // looks.azimuth, geometry.samples // looks.range)
    interferogram = np.full((1, *shape), 1 + 1j, "c8")
    write_isce(fine / f"burst_01.{looks.azimuth}alks_{looks.range}rlks.int", interferogram)
    place = isce / "geom_reference" / f"IW{geometry.swath}"
    place.mkdir(parents=True)
    line, sample = np.meshgrid(np.arange(geometry.lines), np.arange(geometry.samples), indexing="ij")
    write_isce(place / "lat_01.rdr", line[None].astype("f8"))
    write_isce(place / "lon_01.rdr", sample[None].astype("f8"))
    write_isce(place / "los_01.rdr", np.stack([0.01 * sample + 30, 0.0 * sample - 100]).astype("f4"))


def request(
    folder: Path,
    name: str,
    *,
    water_masked: bool = False,
    bursts: int = 2,
    turned: bool = False,
    **changes: Any,
) -> ProductRequest:
    """Return a request over a written ground, by default of two bursts without layers in radar geometry.

    ``turned`` makes the newer pass the reference; ``changes`` are of `HowMade`.
    """
    made: HowMade = {
        "processing": Processing(Looks(20, 4), 0.5, "snaphu_mcf", water_masked),
        "engine": "isce2 2.6.5",
        "source": "simulated",
        "simulated": True,
        "terrain": "simulated",
        "inputs": (),
        "record": None,
        **changes,
    }
    names = ("S1_136231_IW2_20200604T022312_VV_7C85-BURST", "S1_136231_IW2_20200616T022313_VV_5D11-BURST")
    sides = [burst()] * bursts, [burst(absolute_orbit=21979, start=SECONDARY_START)] * bursts
    if turned:
        names, sides = names[::-1], sides[::-1]
    first, second = (BurstName.parse(text).start for text in names)
    baseline_m = perpendicular_baseline_m(folder / "isce" / TOPS_PROC)
    return tops_request(
        name,
        "burst" if bursts == 1 else "bursts",
        burst_facts(
            baseline_m,
            names[:1],
            names[1:],
            sides,
            made,
            (first, second),
        ),
        (folder / "isce", folder / "dem.tif", folder / "water_mask.tif", template_text(())),
        GridChoice(extent="data"),
        [(136231, 2)],
        burst() if bursts == 1 else None,
    )


def product(folder: Path, name: str, out: Path | None = None, **given: Any) -> Product:
    """Make a product over a written ground; see `request`."""
    layers = given.pop("layers", LAYERS)
    made = request(folder, name, **given)
    return make_product(out or folder, made, threads=1, progress=lambda *_: None, layers=layers)

"""The names of all files that the program reads and writes, and the folders of its own data."""

from __future__ import annotations

from errno import ENOENT
from pathlib import Path

# In the work directory of a run.
STATE_FOLDER = ".isce2-recipe"
JOURNAL = f"{STATE_FOLDER}/journal.jsonl"
LOCK = f"{STATE_FOLDER}/lock"
SCRATCH = f"{STATE_FOLDER}/scratch"
ATTEMPTS = f"{STATE_FOLDER}/attempts"
CHECKPOINTS = f"{STATE_FOLDER}/checkpoints"
FINGERPRINTS = f"{STATE_FOLDER}/fingerprints.json"
NOOP_CACHE = f"{STATE_FOLDER}/noop_cache.json"
LOGS = "logs"
SET_ASIDE = "set-aside"
RUN_RECORD = "run.json"
RESOLVED_RECIPE = "resolved.yml"

# In the folder of an ISCE2 application; the names are ISCE2's.
TOPS_CONFIG = "topsApp.xml"
TOPS_PROC = "topsProc.xml"
STRIPMAP_PROC = "stripmapProc.xml"
MISREGISTRATION = "misregistration.json"
MERGED = "merged"
FINE_INTERFEROGRAM = "fine_interferogram"
STRIPMAP_INTERFEROGRAM, STRIPMAP_GEOMETRY = "interferogram", "geometry"
INTERFEROGRAM = "topophase.flat"
FILTERED_INTERFEROGRAM = "filt_topophase.flat"
PHASE_SIGMA = "phsig.cor"
AMPLITUDE_COHERENCE = "topophase.cor"
INTERFEROGRAM_UNMASKED = "filt_topophase.flat.unmasked"
UNWRAPPED = "filt_topophase.unw"
DEM_CROP = "dem.crop"
IONOSPHERE = "topophase.ion"
INTERFEROGRAM_UNCORRECTED = "topophase_ori.flat"
LINE_OF_SIGHT = "los.rdr"
LATITUDE_FULL = "lat.rdr.full"
LONGITUDE_FULL = "lon.rdr.full"
# Names that ISCE2 does not use: one value for each window of looks; sublooks of a single burst.
LATITUDE = "lat.rdr"
LONGITUDE = "lon.rdr"
HEIGHT = "z.rdr"
SUBLOOKS = "sublooks"
SUBLOOK_SUMS = "sublooks.sums"

# Terrain and water masks.
DEM_GEOTIFF = "dem.tif"
DEM_ISCE = "full_res.dem.wgs84"
GEOCODE_DEM_GEOTIFF = "geocode_dem.tif"
GEOCODE_DEM_ISCE = "full_res_geocode.dem.wgs84"
WATER_MASK = "water_mask.tif"

# Quality and report.
QUALITY = "quality.json"
REPORT = "report.html"
REPORT_TEMPLATE, REPORT_SCRIPT = "report/run.html.j2", "report/maps.js"
STACK_PAGE, STACK_README = "report/stack.html.j2", "product/stack.md.txt.j2"

# In a product; the first two follow the product's name.
PRODUCT_RECORD = "_run.json"
PRODUCT_RECIPE = "_recipe.yml"
CRATE = "ro-crate-metadata.json"

# Next to the files that a source delivered.
INPUTS = "inputs.json"

# This package.
_PACKAGE = Path(__file__).resolve().parent


def data_folder(kind: str) -> Path:
    """Return the shipped folder ``recipes``, ``schemas`` or ``templates``.

    In an installed wheel it is inside the package; in a checkout or an editable install it is at the top
    level of the repository.
    """
    installed = _PACKAGE / "data" / kind
    return installed if installed.is_dir() else _PACKAGE.parents[1] / kind


def cache_folder() -> Path:
    """Return the folder of this user's caches.

    Raises
    ------
    FileNotFoundError
        If this user has no home folder.
    """
    from platformdirs import user_cache_path

    try:
        found = user_cache_path("isce2-recipe")
    except RuntimeError:
        found = Path("~/.cache")
    if not found.is_absolute():  # a "~" that cannot be expanded
        raise FileNotFoundError(ENOENT, "this user has no home folder", str(found))
    return found

"""Every file name the program writes or expects, and where its own data lie."""

from __future__ import annotations

from errno import ENOENT
from pathlib import Path

# Of a run's work directory.
STATE_FOLDER = ".isce2-recipe"
JOURNAL = f"{STATE_FOLDER}/journal.jsonl"
LOCK = f"{STATE_FOLDER}/lock"
SCRATCH = f"{STATE_FOLDER}/scratch"
CHECKPOINTS = f"{STATE_FOLDER}/checkpoints"
FINGERPRINTS = f"{STATE_FOLDER}/fingerprints.json"
NOOP_CACHE = f"{STATE_FOLDER}/noop_cache.json"
LOGS = "logs"
RUN_RECORD = "run.json"
RESOLVED_RECIPE = "resolved.yml"

# Of an ISCE2 application's folder (ISCE2's own names).
TOPS_CONFIG = "topsApp.xml"
TOPS_PROC = "topsProc.xml"
MERGED = "merged"
FINE_INTERFEROGRAM = "fine_interferogram"
INTERFEROGRAM = "topophase.flat"
FILTERED_INTERFEROGRAM = "filt_topophase.flat"
PHASE_SIGMA = "phsig.cor"
PHASE_SIGMA_UNMASKED = "phsig.cor.unmasked"
UNWRAPPED = "filt_topophase.unw"
DEM_CROP = "dem.crop"
LINE_OF_SIGHT = "los.rdr"
LATITUDE_FULL = "lat.rdr.full"
LONGITUDE_FULL = "lon.rdr.full"

# Of terrain and water.
DEM_GEOTIFF = "dem.tif"
DEM_ISCE = "full_res.dem.wgs84"
GEOCODE_DEM_GEOTIFF = "geocode_dem.tif"
GEOCODE_DEM_ISCE = "full_res_geocode.dem.wgs84"
WATER_MASK = "water_mask.tif"

# Of quality and report.
QUALITY = "quality.json"
REPORT = "report.html"
REPORT_TEMPLATE = "report/run.html.j2"

# Of a product, behind its name.
PRODUCT_RECORD = "_run.json"
PRODUCT_RECIPE = "_recipe.yml"
CRATE = "ro-crate-metadata.json"

# Beside what a source delivered.
INPUTS = "inputs.json"

# Of this package.
_PACKAGE = Path(__file__).resolve().parent


def data_folder(kind: str) -> Path:
    """The shipped folder ``recipes``, ``schemas`` or ``templates``.

    In an installed wheel they lie inside the package; in a checkout or an editable install at the
    repository's top level.
    """
    installed = _PACKAGE / "data" / kind
    return installed if installed.is_dir() else _PACKAGE.parents[1] / kind


def cache_folder() -> Path:
    """Where this user's programs keep what can be made again.

    Raises
    ------
    FileNotFoundError
        If this user has no home.
    """
    from platformdirs import user_cache_path

    found = user_cache_path("isce2-recipe")
    if not found.is_absolute():  # "~" that nothing is known for
        raise FileNotFoundError(ENOENT, "this user has no home folder", str(found))
    return found

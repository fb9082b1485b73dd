"""The builtin engine: steps of ISCE2's topsApp and stripmapApp in Python, with the same names and files.

Importing this module is cheap, because a plan needs only the engine's name and version.
"""

from __future__ import annotations

import errno
import logging
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isce2_recipe import __version__
from isce2_recipe.engines.base import Applications, AppSteps, select_steps
from isce2_recipe.engines.builtin.config import tops_steps
from isce2_recipe.engines.builtin.stripmap.config import stripmap_steps
from isce2_recipe.errors import EngineFailed
from isce2_recipe.progress import Progress

if TYPE_CHECKING:
    from isce2_recipe.engines.builtin.workplace import Catalog, Workplace

# Module and class of the state that the steps of each application share.
_JOBS = {"topsApp": ("job", "Job"), "stripmapApp": ("stripmap.job", "StripmapJob")}
# Module and function of each step. Steps that are missing here do nothing in this engine: they serve settings
# (ionosphere) that are refused when the XML is read.
_TOPS_STEPS = {
    "startup": ("preprocess", "startup"),
    "preprocess": ("preprocess", "preprocess"),
    "computeBaselines": ("preprocess", "compute_baselines"),
    "verifyDEM": ("dem", "verify_dem"),
    "topo": ("topo", "topo"),
    "subsetoverlaps": ("overlaps", "subset_overlaps"),
    "coarseoffsets": ("overlaps", "coarse_offsets"),
    "coarseresamp": ("overlaps", "coarse_resample"),
    "overlapifg": ("overlaps", "overlap_interferograms"),
    "prepesd": ("esd", "prepare_esd"),
    "esd": ("esd", "estimate_azimuth"),
    "rangecoreg": ("range_offsets", "estimate_range"),
    "fineoffsets": ("offsets", "fine_offsets"),
    "fineresamp": ("resample", "fine_resample"),
    "burstifg": ("interferogram", "burst_interferograms"),
    "mergebursts": ("merge", "merge_bursts"),
    "filter": ("postprocess", "filter_interferogram"),
    "unwrap": ("postprocess", "unwrap"),
    "geocode": ("postprocess", "geocode"),
}
_STRIPMAP_STEPS = {
    "startup": ("stripmap.preprocess", "startup"),
    "preprocess": ("stripmap.preprocess", "preprocess"),
    "cropraw": ("stripmap.crop", "crop_raw"),
    "formslc": ("stripmap.formslc", "form_slc"),
    "cropslc": ("stripmap.crop", "crop_slc"),
    "verifyDEM": ("stripmap.align", "verify_dem"),
    "topo": ("stripmap.align", "topo"),
    "geo2rdr": ("stripmap.align", "geo2rdr"),
    "misregistration": ("stripmap.align", "misregister"),
    "refined_resample": ("stripmap.align", "refined_resample"),
    "interferogram": ("stripmap.interferograms", "interfere"),
    "sub_band_interferogram": ("stripmap.interferograms", "interfere_bands"),
    "filter": ("stripmap.interferograms", "filter_interferogram"),
    "unwrap": ("stripmap.interferograms", "unwrap"),
    "ionosphere": ("stripmap.interferograms", "estimate_ionosphere"),
    "geocode": ("stripmap.interferograms", "geocode"),
}
# Those that differ where no raster of full resolution is kept.
_LOOKS_STEPS = {
    "fineresamp": ("one_pass", "find_windows"),
    "burstifg": ("one_pass", "common_windows"),
    "mergebursts": ("one_pass", "merge_looks"),
}
_STEPS = {"topsApp": _TOPS_STEPS, "stripmapApp": _STRIPMAP_STEPS}
# Files in the work folder that ISCE2's application merges with the one that it is given.
_ALSO_READ_BY_ISCE2 = {
    "topsApp": ("topsinsar.xml", "topsApp.xml"), "stripmapApp": ("insar.xml", "stripmapApp.xml")
}  # fmt: skip
# Relative durations of the steps, for the progress display only.
_WEIGHTS = {
    "topo": 3.0, "fineoffsets": 1.5, "fineresamp": 2.5, "burstifg": 2.5, "mergebursts": 1.5, "unwrap": 6.0,
    "geocode": 4.0, "formslc": 5.0, "refined_resample": 2.5, "sub_band_interferogram": 1.5,
    "misregistration": 1.0,
}  # fmt: skip


class BuiltinEngine:
    """Engine that runs the steps of ISCE2's topsApp and stripmapApp without ISCE2."""

    name = "builtin"

    def version(self) -> str:
        """Return the version of the package, which the engine is part of."""
        return __version__

    @classmethod
    def applications(cls) -> Applications:
        """Return the steps that it can run."""
        return {"topsApp": tops_steps(), "stripmapApp": stripmap_steps()}

    def run(
        self,
        app: str,
        config: Path,
        *,
        folder: Path,
        start: str | None,
        end: str | None,
        log: logging.Logger,
        progress: Progress,
        cpus: int,
        looks_only: bool = False,
    ) -> None:
        """Run the steps ``start`` to ``end``; see `isce2_recipe.engines.base.Engine`."""
        from isce2_recipe.engines.builtin.unwrapping import find_unwrapper
        from isce2_recipe.engines.builtin.workplace import clear_step_records, require_previous_steps

        steps = select_steps(self.name, self.applications(), AppSteps(app, start, end))
        folder = folder.resolve()
        opened = _load(*_JOBS[app])
        settings = opened.read_config(folder / config, folder)
        for other in (folder / name for name in _ALSO_READ_BY_ISCE2[app]):
            if other.is_file() and not other.samefile(folder / config):
                log.warning("ISCE2 would also read %s, but the builtin engine reads only %s", other, config)
        if settings.do_unwrap and "unwrap" in steps:
            # Refuses an unknown unwrapper before the first step.
            find_unwrapper(settings.unwrapper)
        known = self.applications()[app]
        if steps[0] == known[0]:
            clear_step_records(folder, known)
        require_previous_steps(folder, known, steps[0])
        if app == "topsApp":
            _load("job", "require_full_resolution")(folder, steps, looks_only=looks_only)
        weights = [_WEIGHTS.get(step, 0.3) for step in steps]
        done = 0.0
        job: Workplace = opened(folder, settings, log, progress, cpus, looks_only=looks_only)
        with warnings.catch_warnings():
            # Images in radar geometry have no geotransform.
            warnings.filterwarnings("ignore", message="Dataset has no geotransform")
            for step, weight in zip(steps, weights, strict=True):
                job.progress = _share_of(progress, step, done / sum(weights), weight / sum(weights))
                _run_step(job, known, step)
                done += weight


def _load(module: str, name: str) -> Any:
    return getattr(import_module(f"isce2_recipe.engines.builtin.{module}"), name)


def _share_of(progress: Progress, step: str, base: float, share: float) -> Progress:
    def report(fraction: float, text: str) -> None:
        progress(base + share * fraction, f"{step}: {text}" if text else step)

    return report


def _run_step(job: Workplace, steps: Sequence[str], step: str) -> None:
    from isce2_recipe.engines.builtin.workplace import record_finished_step

    job.progress(0.0, "")
    job.log.info("step %s", step)
    catalog: Catalog = {}
    functions = _STEPS[job.app] | (_LOOKS_STEPS if job.looks_only else {})
    if step in functions:
        function = _load(*functions[step])
        try:
            catalog = function(job) or {}
        except (OSError, MemoryError) as exc:
            raise _failure(job, step, exc) from exc
    record_finished_step(job, steps, step, catalog)
    job.progress(1.0, "")


def _failure(job: Workplace, step: str, exc: OSError | MemoryError) -> EngineFailed:
    """Return the error for a failed system call or allocation, with the command that resumes the run."""
    if isinstance(exc, MemoryError):
        reason, remedy = "not enough memory", "provide more memory"
    else:
        place = "" if exc.filename is None else f": {exc.filename}"
        reason = f"{exc.strerror or exc}{place}"
        full = exc.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free space on that disk" if full else "fix this"
    return EngineFailed(
        f"step '{step}' in {job.folder} failed: {reason}", hint=f"{remedy}, then resume with --start={step}"
    )

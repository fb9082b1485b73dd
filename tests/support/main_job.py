"""The burst recipe run as a user runs it: by the command line, in a process of its own."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isce2_recipe.sources import open_source
from isce2_recipe.sources.base import bounds_of
from isce2_recipe.types import Bounds, BurstName
from support.shared import Shared

REFERENCE = "S1_136231_IW2_20200604T022312_VV_7C85-BURST"
SECONDARY = "S1_136231_IW2_20200616T022313_VV_5D11-BURST"
NEXT_REFERENCE = "S1_136232_IW2_20200604T022315_VV_7C85-BURST"
NEXT_SECONDARY = "S1_136232_IW2_20200616T022316_VV_5D11-BURST"
SMALL = "simulated:clean,lines=400,samples=4000"
TINY = "simulated:clean,lines=160,samples=1200"
RECIPE = "insar_tops_burst"


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str
    workdir: Path

    @property
    def printed(self) -> str:
        """Return everything that it printed."""
        return self.out + self.err

    @property
    def message(self) -> str:
        """Return the text from the word ``error:`` on."""
        return self.err[self.err.find("error: ") :]

    def output(self, name: str) -> str:
        """Return an output of the recipe, as printed."""
        found = re.search(rf"^{name}: (.*)$", self.out, re.MULTILINE)
        assert found, self.printed
        return found[1]

    @property
    def product(self) -> Path:
        """Return the product's folder."""
        return Path(self.output("product"))

    def layer(self, name: str) -> Path:
        """Return the path of a GeoTIFF of the product."""
        return self.product / f"{self.product.name}_{name}.tif"

    @property
    def record(self) -> dict[str, Any]:
        """Return the content of ``run.json``."""
        return json.loads((self.workdir / "run.json").read_text())


def run_job(workdir: Path, *words: str, source: str = SMALL, pair: bool = True, command: str = "run") -> Ran:
    """Run ``isce2-recipe run insar_tops_burst`` with the pair of the README and further arguments."""
    argv = [sys.executable, "-m", "isce2_recipe", command, RECIPE, "--workdir", str(workdir)]
    argv += ["--source", source, "--engine", "builtin"]
    if pair:
        argv += ["--reference", REFERENCE, "--secondary", SECONDARY]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ISCE2_RECIPE_")}
    done = subprocess.run(
        [*argv, *words],
        check=False,
        capture_output=True,
        text=True,
        cwd=workdir.parent,
        env=environment,
        timeout=900,
    )
    return Ran(done.returncode, done.stdout, done.stderr, workdir)


def small_job(shared: Shared) -> Ran:
    """Return the README's run on a small scene, made once for all tests; they may read it and copy it."""
    return _shared_job(shared, "small_job", source=SMALL)


def tiny_job(shared: Shared) -> Ran:
    """Return the same run on a tiny scene, with a prefix for a bucket that it has not."""
    return _shared_job(shared, "tiny_job", "--bucket-prefix", "somewhere/else", source=TINY)


def _shared_job(shared: Shared, name: str, *words: str, source: str) -> Ran:
    def make(folder: Path) -> None:
        ran = run_job(folder / "run", *words, source=source)
        assert ran.code == 0, ran.printed
        (folder / "stdout").write_text(ran.out)
        (folder / "stderr").write_text(ran.err)

    folder = shared.folder(name, make)
    return Ran(0, (folder / "stdout").read_text(), (folder / "stderr").read_text(), folder / "run")


def stock_folder(folder: Path, *names: str, source: str = SMALL) -> Path:
    """Fill a folder for ``--source directory:`` with simulated files, and return it."""
    log = logging.getLogger("stock")
    simulated = open_source(source)
    bursts = [BurstName.parse(name) for name in names]
    records = simulated.find_bursts(bursts, log)
    for kind in ("bursts", "orbits", "dem", "water_mask"):
        (folder / kind).mkdir(parents=True)
    bounds = bounds_of(records)
    for record in records:
        simulated.fetch_burst(record, folder / "bursts", log, silent)
        simulated.fetch_orbit(record.platform, record.start, record.stop, folder / "orbits", log)
    wide = Bounds(*(round(value, 1) for value in (bounds.west, bounds.south, bounds.east, bounds.north)))
    for number, half in enumerate(wide.buffered(0.3).halves()):
        # As services have it, no file of terrain reaches beyond 180 degrees.
        part = folder / "dem" / str(number) if number else folder / "dem"
        simulated.fetch_dem(half, part, log, silent)
    simulated.fetch_water_mask(wide.buffered(0.3), folder / "water_mask", log, silent)
    return folder


def silent(fraction: float, text: str) -> None:
    """Show no progress."""

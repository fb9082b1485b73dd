"""A stand-in for ISCE2's stripmapApp: checks what it is given, and leaves files where a step would.

Called as ``stripmapApp.py CONFIG --start=STEP --end=STEP`` in the folder that it works in.
"""

from __future__ import annotations

import shutil
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np

from support.isce_folder import Ground, write_isce

IONOSPHERE = ("dispersive.bil.unwCor.filt", "nondispersive.bil.unwCor.filt")


def main(config: str, *options: str) -> None:
    component = ET.parse(config).getroot().find("component")
    for entry in component.iter("property"):
        if entry.get("name") in ("IMAGEFILE", "LEADERFILE", "demFilename") and not Path(entry.text).is_file():
            sys.exit(f"{entry.get('name')}: there is no {entry.text}")
    properties = {entry.get("name"): entry.text for entry in component.findall("property")}
    south, north, west, east = map(float, properties["regionOfInterest"].strip("[]").split(","))
    print(f"Running step {options[-1].partition('=')[2]}")
    if options[-1] == "--end=geocode":
        geocode(Path(), ((west + east) / 2, (south + north) / 2), properties["do split spectrum"] == "True")


def geocode(folder: Path, middle: tuple[float, float], split: bool) -> None:
    ground = Ground(first=(middle[0] - 0.025, middle[1] + 0.021))
    ground.layers["phase"] = np.full(ground.inside.shape, 0.5)
    ground.layers["amplitude"] = np.full(ground.inside.shape, 3.0)
    ground.write(folder / "scratch")
    (folder / "scratch" / "isce" / "merged").rename(folder / "interferogram")
    shutil.rmtree(folder / "scratch")
    (folder / "geometry").mkdir()
    for file in (folder / "interferogram").glob("los.rdr.geo*"):
        shutil.move(file, folder / "geometry" / file.name)
    if split:
        (folder / "ionosphere").mkdir()
        for name in IONOSPHERE:
            phase = np.where(ground.inside, 7.0, 0.0)[None].astype("f4")
            write_isce(folder / "ionosphere" / f"{name}.geo", phase, ground.first)


if __name__ == "__main__":
    main(*sys.argv[1:])

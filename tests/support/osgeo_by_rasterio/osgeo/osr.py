"""Reference systems."""

from __future__ import annotations

from rasterio.crs import CRS


class SpatialReference:
    def __init__(self, wkt: str = "") -> None:
        self.wkt, self.crs = wkt, CRS.from_wkt(wkt) if wkt else None

    def GetName(self) -> str:  # noqa: N802
        return self.wkt.split('"')[1] if self.wkt else ""

    def IsProjected(self) -> bool:  # noqa: N802
        return self.crs is not None and self.crs.is_projected

    def GetAttrValue(self, name: str, _child: int = 0) -> str | None:  # noqa: N802
        if self.crs is None:
            return None
        if name == "AUTHORITY":
            code = self.crs.to_epsg()
            return None if code is None else str(code)
        return "metre" if self.crs.is_projected else "degree"

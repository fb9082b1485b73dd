"""What a layer is: the facts that `products.layers` states of each.

Importing this module loads neither NumPy nor rasterio: plans and the linter read the registry too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from numpy.typing import NDArray

RADAR_SUFFIX = "_rdr"
"""Ending of the names of layers in radar geometry."""

Application = Literal["topsApp", "stripmapApp"]
ProductKind = Literal["burst", "bursts", "slc", "merged", "stripmap", "stack"]
Resampling = Literal["mean", "angle", "cycles", "nearest"]
Measure = Literal["value", "angle", "phase", "ratio", "label"]
Palette = Literal["labels", "water"]
Colours = Literal["displacement", "cyclic", "sequential", "grey", "terrain", "signed", "components"]

KINDS: frozenset[ProductKind] = frozenset(("burst", "bursts", "slc", "merged", "stripmap"))
"""All kinds of products of a pair: of one burst, of several, of whole SLCs, of merged burst products, of ALOS
scenes."""


@dataclass(frozen=True, slots=True)
class SourceRaster:
    """A raster in degrees from which layers are made.

    Attributes
    ----------
    name : str
        What it holds.
    topsapp, stripmapapp : str
        Path in the application's folder, to which geocoding appends ``.geo``; empty where the application
        does not write it.
    observed : bool
        Whether it has the grid and the valid area of the interferogram.
    nodata : float or None
        Value of pixels without data, where the raster is not ``observed``.
    """

    name: str
    topsapp: str = ""
    stripmapapp: str = ""
    observed: bool = True
    nodata: float | None = None

    def file(self, application: Application) -> str:
        """Return its path in the folder of an application."""
        return self.topsapp if application == "topsApp" else self.stripmapapp


class Pixels(Protocol):
    """The pixels of a block on the grid of the rasters that a layer reads."""

    def read(self, raster: SourceRaster, band: int = 1) -> NDArray[Any]:
        """Return a band (counted from 1) of a raster, shape (rows, cols)."""
        ...


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How ``compare`` compares two layers.

    Attributes
    ----------
    limit : float
        Largest root mean square difference of layers that count as the same, in ``unit``; for labels the
        largest share of pixels that differ.
    unit : str
        Unit of the difference.
    measure : str
        ``value``, ``angle`` (whole turns are ignored), ``phase`` (one constant is removed), ``ratio``
        (relative to the mean of the two) or ``label`` (names may differ).
    coverage : float
        Largest share of pixels for which only one product has a value.
    cycles : float
        Largest share of pixels in another cycle, for the measure ``phase``.
    """

    limit: float
    unit: str
    measure: Measure
    coverage: float = 0.01
    cycles: float = 0.001


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the report and ``show`` draw a layer.

    Attributes
    ----------
    name : str
        Ending of the picture's file name. Layers may share a drawing.
    title : str
        Heading of the picture.
    caption : str
        What the picture shows, in a sentence or two; ``{fringe_cm}`` stands for the displacement of one
        fringe, ``{motion}`` for the meaning of red and blue.
    colours : str
        Colour scale: ``cyclic`` for angles, ``sequential`` and ``terrain`` for amounts, ``grey`` for
        amplitudes in decibels, ``signed`` for differences from the median; ``displacement`` and
        ``components`` are drawings of their own for the unwrapped phase and its components.
    unit : str
        Unit of the colour bar.
    limits : (float, float) or None
        Values of the first and the last colour; None takes them from the data.
    relief : float or None
        Strength with which the terrain's light and shadow show through, with water in a colour of its own;
        None draws neither.
    """

    name: str
    title: str
    caption: str
    colours: Colours
    unit: str = ""
    limits: tuple[float, float] | None = None
    relief: float | None = None


def first_band(pixels: Pixels, layer: Layer) -> NDArray[Any]:
    """Return the first band of the first raster that a layer reads."""
    return pixels.read(layer.reads[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """A GeoTIFF of a product.

    Attributes
    ----------
    name : str
        Ending of the file's name. Names of layers in radar geometry end in ``_rdr``.
    description : str
        What the file holds; also written into it. Descriptions of several bands are separated by ``"; "``.
    reading : str
        Sentence of the README that says how to read the values, without the description; ``{facts}`` stands
        for the product's `ProductFacts`, ``{older}`` and ``{newer}`` for the dates of the passes,
        ``{change}`` for what positive phase says of the distance between them, and ``{sign}`` for the sign
        of phase in the order of time. Empty where the description says all.
    unit : str
        Unit of the values, written into the file; empty for none.
    dtype : str
        NumPy's name of the type in which the values are stored.
    nodata : float or None
        Stored value of pixels without data.
    masked : bool
        Whether a mask inside the file marks pixels without data, because every value has a meaning.
    reads : tuple of SourceRaster
        Rasters from which the layer is made; empty for layers in radar geometry (see `products.radar`).
    make : callable
        Returns the values on the grid of these rasters, complex ones where only the angle counts.
    resampling : str
        How values come onto the map: ``mean`` (bilinear means), ``angle`` (means of unit vectors), ``cycles``
        (the same, in the cycle of the nearest pixel) or ``nearest``. Overviews average only means.
    clip : (float, float) or None
        Limits into which the values are moved.
    outside : float or None
        Value where the rasters end, in place of no data.
    land_only : bool
        Whether there are no values on water where water was masked before unwrapping; labels are 0 there.
    palette : str or None
        Colour table of the GeoTIFF of small whole numbers: ``labels`` or ``water``; None for none.
    kinds : frozenset of str
        Kinds of products that have the layer.
    option : str
        What the run must have done so that the product has the layer, such as ``ionosphere``; empty for
        always.
    roles : tuple of str
        Roles of the file in STAC.
    tolerance : Tolerance
        How ``compare`` compares it.
    drawing : Drawing or None
        How the report and ``show`` draw it.
    hyp3 : str
        How HyP3's layer of that name differs; ``same`` if it does not, empty if HyP3 has none.
    """

    name: str
    description: str
    reading: str = ""
    unit: str = ""
    dtype: str = "float32"
    nodata: float | None = 0.0
    masked: bool = False
    reads: tuple[SourceRaster, ...] = ()
    make: Callable[[Pixels, Layer], NDArray[Any]] = first_band
    resampling: Resampling = "mean"
    clip: tuple[float, float] | None = None
    outside: float | None = None
    land_only: bool = False
    palette: Palette | None = None
    kinds: frozenset[ProductKind] = KINDS
    option: str = ""
    roles: tuple[str, ...] = ("data",)
    tolerance: Tolerance = Tolerance(1e-6, "", "value")
    drawing: Drawing | None = None
    hyp3: str = ""

    @property
    def radar(self) -> bool:
        """Whether the layer is in radar geometry and has no place on the map."""
        return self.name.endswith(RADAR_SUFFIX)

    @property
    def bands(self) -> list[str]:
        """Descriptions of the bands."""
        return self.description.split("; ")

    def how_to_read(self, facts: Any) -> str:
        """Return the README's sentence on how to read the values of a product with these `ProductFacts`."""
        change, sign = ("has become smaller", "-") if facts.reversed else ("has grown", "")
        days = sorted((facts.reference_start.date(), facts.secondary_start.date()))
        values = {"change": change, "sign": sign, "older": days[0], "newer": days[1]}
        return self.reading.format(facts=facts, **values)

    @property
    def no_data_text(self) -> str:
        """How pixels without data are stored, for people."""
        return (
            "a mask inside the file" if self.masked else "none" if self.nodata is None else f"{self.nodata:g}"
        )

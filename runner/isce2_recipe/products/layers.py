"""The registry of layers: every fact of a product's GeoTIFFs, stated once.

Packaging, STAC item, README, comparison, report, ``show``, the documentation's tables and the list of files
that ISCE2 geocodes all read `LAYERS`. A new layer is one more entry there. Readers take the layers as an
argument whose default is `LAYERS`, so that a caller can pass other ones.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from isce2_recipe import paths
from isce2_recipe.products.layer import Drawing, Layer, Pixels, ProductKind, SourceRaster, Tolerance

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _merged(file: str, folder: str = "interferogram") -> tuple[str, str]:
    return f"{paths.MERGED}/{file}", f"{folder}/{file}"


COHERENCE = SourceRaster("phase-sigma coherence", *_merged(paths.PHASE_SIGMA))
UNFILTERED_COHERENCE = SourceRaster(
    "amplitude and coherence before filtering",
    _merged(paths.AMPLITUDE_COHERENCE)[0],
    observed=False,
    nodata=0.0,
)
UNWRAPPED = SourceRaster("amplitude and unwrapped phase", *_merged(paths.UNWRAPPED))
LINE_OF_SIGHT = SourceRaster(
    "incidence and azimuth angle, degrees", *_merged(paths.LINE_OF_SIGHT, "geometry")
)
FILTERED = SourceRaster("filtered interferogram, complex", *_merged(paths.FILTERED_INTERFEROGRAM))
COMPONENTS = SourceRaster("labels of connected components", *_merged(f"{paths.UNWRAPPED}.conncomp"))
DEM = SourceRaster("heights above the ellipsoid, metres", observed=False)
WATER_MASK = SourceRaster("1 on land, 0 on water", observed=False)
DISPERSIVE, NONDISPERSIVE = (
    SourceRaster(
        f"{name} phase", stripmapapp=f"ionosphere/{name}.bil.unwCor.filt", observed=False, nodata=0.0
    )
    for name in ("dispersive", "nondispersive")
)
IONOSPHERE = SourceRaster(
    "phase of the ionosphere",
    _merged(paths.IONOSPHERE)[0],
    DISPERSIVE.stripmapapp,
    observed=False,
    nodata=0.0,
)
IONOSPHERE_ERROR = SourceRaster(
    "standard error of the dispersive phase", stripmapapp="ionosphere/dispersive.bil.sig.filt",
    observed=False, nodata=0.0,
)  # fmt: skip

STACK_VELOCITY, STACK_QUALITY, STACK_CHECK, STACK_SERIES = (
    SourceRaster(name, observed=False)
    for name in (
        "velocity and standard error, m a year, and further terms",
        "temporal coherence, residual in rad, number of pairs",
        "closure, changes, connection with the reference, coherence",
        "displacement of every date, m",
    )
)
"""Rasters of a stack, NaN where there is no data."""

_GEOCODED = (COHERENCE, UNWRAPPED, LINE_OF_SIGHT, FILTERED, COMPONENTS)
"""What every product needs, in ISCE2's order."""


_FEW_MILLIRADIANS = 0.001
_MASK = Drawing(
    "mask",
    "Components and water",
    "Within a component all pixels are in the same cycle; between components, the number of cycles is "
    "not known.",
    "components",
    relief=0.15,
)


def _unwrapped(pixels: Pixels, _: Layer) -> NDArray[Any]:
    return pixels.read(UNWRAPPED, 2)


def band(number: int) -> Callable[[Pixels, Layer], NDArray[Any]]:
    """Return a function that reads a band (counted from 1) of the first raster of a layer."""
    return lambda pixels, layer: pixels.read(layer.reads[0], number)


def _error_of_ionosphere(pixels: Pixels, _: Layer) -> NDArray[Any]:
    return pixels.read(IONOSPHERE_ERROR)


def _angle_above_horizon(pixels: Pixels, _: Layer) -> NDArray[Any]:
    import numpy as np

    values: NDArray[Any] = np.radians(90.0 - pixels.read(LINE_OF_SIGHT, 1))
    return values


def _direction_from_east(pixels: Pixels, _: Layer) -> NDArray[Any]:
    """Return the look vector's direction anticlockwise from east; ISCE2 counts from north."""
    import numpy as np

    values: NDArray[Any] = np.radians(pixels.read(LINE_OF_SIGHT, 2) + 90.0)
    return values


_STACK: frozenset[ProductKind] = frozenset(("stack",))

# fmt: off
_of_stack = partial(Layer, nodata=float("nan"), kinds=_STACK)
_labels_of_stack = partial(
    _of_stack, reads=(STACK_CHECK,), resampling="nearest", roles=("data", "quality"),
    tolerance=Tolerance(0.01, "share", "label"),
)
LAYERS: tuple[Layer, ...] = (
    Layer(
        name="unw_phase", description="Unwrapped phase",
        reading="is positive where the distance to the satellite {change} from {older} to {newer}. "
        "Displacement away from the satellite in metres is "
        "`{sign}unw_phase * {facts.wavelength_m:.6f} / (4 * pi)`, up to one constant in each connected "
        "component: choose a place that did not move and subtract its value. Between components, the number "
        "of whole cycles is not known.",
        unit="radian", reads=(UNWRAPPED,), make=_unwrapped, resampling="cycles", land_only=True,
        roles=("data", "phase", "unwrapped_phase"), tolerance=Tolerance(0.05, "rad", "phase"), hyp3="same",
        drawing=Drawing(
            "displacement", "Displacement",
            "Unwrapped phase as displacement along the line of sight, relative to its median: {motion}.",
            "displacement", "cm", relief=0.15,
        ),
    ),
    Layer(
        name="wrapped_phase", description="Wrapped phase",
        reading="is the phase of the filtered interferogram, from -pi to pi.",
        unit="radian", reads=(FILTERED,), resampling="angle",
        roles=("data", "phase"), tolerance=Tolerance(0.05, "rad", "angle"), hyp3="same",
        drawing=Drawing(
            "wrapped_phase", "Wrapped phase",
            "Filtered interferogram. One turn of colours is {fringe_cm:.2f} cm along the line of sight.",
            "cyclic", "rad", relief=0.0,
        ),
    ),
    Layer(
        name="corr", description="Coherence",
        reading="is the phase-sigma estimate after filtering, from 0 to 1. It is high over smooth phase, "
        "even over water, so that it cannot be used as a water mask.",
        unit="1", reads=(COHERENCE,), clip=(0.0, 1.0),
        roles=("data", "coherence"), tolerance=Tolerance(0.02, "1", "value"), hyp3="same",
        drawing=Drawing(
            "coherence", "Coherence",
            "How similar both images are after filtering: bright is reliable, dark is noise.",
            "sequential", limits=(0.0, 1.0),
        ),
    ),
    Layer(
        name="coherence", description="Coherence before filtering",
        reading="is the coherence of both images, estimated in a small window before filtering, from 0 to 1. "
        "It shows what has changed between the passes, such as forest, water and fields. Where images are "
        "incoherent, the estimate is about 0.3 instead of 0.",
        unit="1", reads=(UNFILTERED_COHERENCE,), make=band(2), clip=(0.0, 1.0),
        kinds=frozenset(("burst", "bursts", "slc")), option="unfiltered",
        roles=("data", "coherence"), tolerance=Tolerance(0.02, "1", "value"),
        drawing=Drawing(
            "coherence_unfiltered", "Coherence before filtering",
            "How similar both images are: bright ground has not changed between the passes, dark ground has.",
            "sequential", limits=(0.0, 1.0), relief=0.0,
        ),
    ),
    Layer(
        name="amp", description="Amplitude",
        reading="is the amplitude of the interferogram, linear and not calibrated.",
        unit="1", reads=(UNWRAPPED,),
        roles=("data", "amplitude"), tolerance=Tolerance(0.02, "ratio", "ratio"), hyp3="same",
        drawing=Drawing(
            "amplitude", "Amplitude",
            "Amplitude of the interferogram in decibels, not calibrated: the strength of the reflection.",
            "grey", "dB",
        ),
    ),
    Layer(
        name="conncomp", description="Connected component",
        reading="is the label of an area within which the unwrapped phase has no jumps of whole cycles. "
        "Phases of different labels are not comparable. 0 belongs to no component; a mask inside the file "
        "marks where the image ends.",
        dtype="uint8", nodata=None, masked=True, reads=(COMPONENTS,), resampling="nearest", land_only=True,
        roles=("data", "labels"), tolerance=Tolerance(0.01, "share", "label"), hyp3="float32, 0 for no data",
        palette="labels",
        drawing=_MASK,
    ),
    Layer(
        name="dem", description="Height above the WGS 84 ellipsoid",
        unit="metre", nodata=-32768.0, reads=(DEM,),
        roles=("data", "height"), tolerance=Tolerance(0.5, "m", "value"), hyp3="0 for no data",
        drawing=Drawing(
            "terrain", "Terrain",
            "Height above the ellipsoid, lit from the north-west.",
            "terrain", "m", relief=0.3,
        ),
    ),
    Layer(
        name="lv_theta", description="Look vector elevation",
        reading="is the angle above the horizon of the look vector from the ground to the satellite.",
        unit="radian", reads=(LINE_OF_SIGHT,), make=_angle_above_horizon,
        roles=("data", "incidence-angle"), tolerance=Tolerance(_FEW_MILLIRADIANS, "rad", "value"),
        hyp3="same",
    ),
    Layer(
        name="lv_phi", description="Look vector direction",
        reading="is the direction of the look vector, anticlockwise from east. In east, north and up the "
        "vector is `(cos(lv_theta) * cos(lv_phi), cos(lv_theta) * sin(lv_phi), sin(lv_theta))`.",
        unit="radian", reads=(LINE_OF_SIGHT,), make=_direction_from_east, resampling="angle",
        roles=("data", "azimuth"), tolerance=Tolerance(_FEW_MILLIRADIANS, "rad", "angle"), hyp3="same",
    ),
    Layer(
        name="water_mask", description="Land 1, water 0",
        reading="is 0 also where the mask's source has no data.",
        dtype="uint8", nodata=None, reads=(WATER_MASK,), resampling="nearest", outside=0.0,
        roles=("data", "mask", "water-mask"), tolerance=Tolerance(0.001, "share", "label"),
        hyp3="only where it was applied", palette="water",
        drawing=_MASK,
    ),
    Layer(
        name="dispersive_phase", description="Phase of the ionosphere",
        reading="is an estimate from two parts of the range spectrum, with an arbitrary constant. Unless the "
        "parameter file says that the ionosphere was removed, it is **not** subtracted from the other "
        "layers. To correct, subtract it from the unwrapped phase after removing both medians. Check an "
        "estimate of ISCE2 first: it removes what it takes for unwrapping errors, and ground that moved by a "
        "good part of a wavelength within some kilometres can look like one. Part of the motion, with the "
        "opposite sign, is then in this layer.",
        unit="radian", reads=(DISPERSIVE,), kinds=frozenset(("stripmap",)), option="ionosphere",
        tolerance=Tolerance(0.05, "rad", "phase"),
        drawing=Drawing(
            "ionosphere", "Ionosphere",
            "Its phase, estimated from two parts of the range spectrum, relative to its median.",
            "signed", "rad",
        ),
    ),
    Layer(
        name="nondispersive_phase", description="Phase of everything but the ionosphere, smoothed",
        reading="is the other half of that estimate. It is smoothed like the ionosphere: it shows long waves "
        "only and not the displacement.",
        unit="radian", reads=(NONDISPERSIVE,), kinds=frozenset(("stripmap",)), option="ionosphere",
        tolerance=Tolerance(0.05, "rad", "phase"),
    ),
    Layer(
        name="ionosphere", description="Phase of the ionosphere",
        reading="is what to subtract from the unwrapped phase, or what was subtracted if the parameter file "
        "says that the ionosphere was removed. For ALOS its mean is zero, and `ionosphere_std` its standard "
        "error; for Sentinel-1 it has an arbitrary constant.",
        unit="radian", reads=(IONOSPHERE,), kinds=frozenset(("stripmap", "burst", "bursts", "slc")),
        option="ionosphere_error", tolerance=Tolerance(0.05, "rad", "phase"),
    ),
    Layer(
        name="ionosphere_std", description="Standard error of the ionosphere's phase",
        reading="follows from the coherence and from the scatter of the estimate. It does not count features "
        "that are smaller than the filter, whose size is in the log of the step `unwrap`, so that the real "
        "error is larger, above all on natural land.",
        unit="radian", reads=(DISPERSIVE, IONOSPHERE_ERROR), make=_error_of_ionosphere,
        kinds=frozenset(("stripmap",)), option="ionosphere_error",
        roles=("data", "uncertainty"), tolerance=Tolerance(0.02, "rad", "value"),
    ),
    Layer(
        name="wrapped_phase_rdr", description="Interferogram, unfiltered",
        dtype="complex64", resampling="nearest", kinds=frozenset(("burst",)),
        roles=("data", "phase"), hyp3="same",
    ),
    Layer(
        name="lat_rdr", description="Latitude",
        unit="degree", dtype="float64", nodata=None, resampling="nearest", kinds=frozenset(("burst",)),
        hyp3="float32",
    ),
    Layer(
        name="lon_rdr", description="Longitude",
        unit="degree", dtype="float64", nodata=None, resampling="nearest", kinds=frozenset(("burst",)),
        hyp3="float32",
    ),
    Layer(
        name="los_rdr", description="Incidence angle; Azimuth angle",
        reading="has the incidence angle in its first band and the azimuth angle, anticlockwise from north, "
        "in its second.",
        unit="degree", nodata=None, resampling="nearest", kinds=frozenset(("burst",)),
        hyp3="same",
    ),
    Layer(
        name="sublooks_rdr", description="Phase, 256ths of a turn; Amplitude, sevenths of a power of two",
        reading="holds parts of looks where the ground is decorrelated and near such places; merging needs "
        "them to move the windows of the looks.",
        dtype="uint8", nodata=None, resampling="nearest", kinds=frozenset(("burst",)), option="sublooks",
    ),
    _of_stack(
        name="velocity", description="Velocity towards the satellite",
        reading="is positive where the distance to the satellite becomes smaller, relative to the reference "
        "region.",
        unit="metre/year", reads=(STACK_VELOCITY,), roles=("data", "velocity"),
        tolerance=Tolerance(0.0005, "m/yr", "value"),
    ),
    _of_stack(
        name="velocity_std", description="Standard error of the velocity",
        reading="follows from the residuals of the fitted straight line.",
        unit="metre/year", reads=(STACK_VELOCITY,), make=band(2), roles=("data", "uncertainty"),
        tolerance=Tolerance(0.0005, "m/yr", "value"),
    ),
    _of_stack(
        name="temporal_coherence", description="Temporal coherence",
        reading="is 1 where all pairs agree with the displacement of the dates. In a network without "
        "triplets it is always 1 and says nothing.",
        unit="1", reads=(STACK_QUALITY,), clip=(0.0, 1.0), roles=("data", "coherence"),
        tolerance=Tolerance(0.01, "1", "value"),
    ),
    _of_stack(
        name="residual", description="Residual of the pairs, root mean square",
        unit="radian", reads=(STACK_QUALITY,), make=band(2), tolerance=Tolerance(0.05, "rad", "value"),
    ),
    _of_stack(
        name="mean_coherence", description="Mean coherence of all pairs",
        reading="is that of the looks, without a filter.",
        unit="1", reads=(STACK_CHECK,), make=band(6), roles=("data", "coherence"),
        tolerance=Tolerance(0.02, "1", "value"),
    ),
    _labels_of_stack(
        name="open_triplets", description="Triplets of pairs that did not close before the repair",
    ),
    _labels_of_stack(
        name="changed_pairs", description="Pairs that the repair changed by whole cycles", make=band(3),
    ),
    _labels_of_stack(
        name="doubtful_pairs", description="Changed pairs whose change is doubtful",
        reading="is 65535 where too many different errors exist to repair them.", make=band(4),
    ),
    _labels_of_stack(
        name="connected", description="1 on land that is connected with the reference region",
        reading="is 0 on islands, whose number of whole cycles is not known, and on water.",
        make=band(5), roles=("data", "mask"),
    ),
)
# fmt: on


def layers_of(
    kind: ProductKind, done: Collection[str] = (), layers: Sequence[Layer] = LAYERS
) -> tuple[Layer, ...]:
    """Return the layers of a kind of products.

    Parameters
    ----------
    done : collection of str
        Options of layers that the run has carried out, such as ``ionosphere``.
    """
    return tuple(
        layer for layer in layers if kind in layer.kinds and (not layer.option or layer.option in done)
    )


def map_layers(layers: Iterable[Layer] = LAYERS) -> tuple[Layer, ...]:
    """Return those layers that have a place on the map."""
    return tuple(layer for layer in layers if not layer.radar)


def by_name(layers: Iterable[Layer] = LAYERS) -> dict[str, Layer]:
    """Return layers by the ending of their files' names."""
    return {layer.name: layer for layer in layers}


def geocode_list(layers: Iterable[Layer] = LAYERS) -> list[str]:
    """Return the files that topsApp must geocode for some layers, relative to its folder.

    The ionosphere is not among them, because topsApp does not always estimate it.
    """
    reads = dict.fromkeys((*_GEOCODED, *(raster for layer in layers for raster in layer.reads)))
    return [raster.topsapp for raster in reads if raster.topsapp and raster != IONOSPHERE]

"""A sketch of the continents with a cross at the product, drawn without a map service."""

from __future__ import annotations

from collections.abc import Sequence

from isce2_recipe.types import longitude_near

# Longitude and latitude in whole degrees, drawn by hand: accurate enough to recognise a continent.
_LAND = (
    # North America
    "-168 66,-156 71,-128 70,-110 68,-95 69,-92 62,-94 59,-82 55,"
    "-79 52,-77 57,-73 62,-65 59,-56 52,-66 49,-61 46,"
    "-70 43,-74 40,-76 35,-81 31,-80 25,-83 29,-90 29,-97 27,"
    "-97 22,-94 18,-91 19,-87 21,-88 16,-83 15,-83 10,"
    "-79 9,-82 8,-87 12,-95 16,-105 20,-110 24,-114 31,-110 23,"
    "-115 29,-117 33,-122 37,-124 42,-124 48,-131 54,"
    "-140 60,-150 60,-158 56,-165 54,-158 59,-165 62",
    # Greenland
    "-73 78,-60 82,-30 83,-18 80,-22 72,-33 68,-43 60,-50 63,-54 70",
    # South America
    "-79 9,-72 12,-62 10,-52 5,-50 0,-44 -3,-35 -6,-39 -14,"
    "-41 -22,-48 -26,-53 -33,-58 -38,-65 -42,-68 -50,-69 -55,"
    "-75 -50,-73 -40,-70 -20,-76 -14,-81 -5,-80 1,-77 4",
    # Africa
    "-6 36,10 37,11 33,20 31,32 31,35 28,37 21,43 12,51 12,"
    "47 4,40 -3,40 -15,35 -20,35 -24,32 -28,27 -34,19 -35,"
    "12 -18,13 -9,9 -1,9 4,4 6,-8 4,-13 9,-17 14,-17 21,-10 30",
    # Europe and Asia
    "-9 37,-9 43,-2 44,-5 48,2 51,8 54,8 57,11 59,5 59,5 62,"
    "14 68,25 71,40 67,44 66,40 65,44 68,60 69,68 69,73 72,"
    "80 73,104 78,113 74,130 71,140 72,160 70,180 69,178 63,163 60,"
    "162 55,157 51,156 58,163 62,150 59,142 59,135 54,"
    "141 52,140 47,132 43,127 40,129 35,126 35,125 39,121 39,"
    "118 38,122 37,120 34,122 30,117 23,110 21,106 19,"
    "109 12,105 9,101 13,100 8,103 2,98 8,98 16,94 16,91 22,87 21,"
    "80 15,80 10,77 8,73 17,70 21,66 25,57 26,56 27,"
    "50 30,48 30,51 25,56 26,60 22,55 17,45 13,43 13,39 21,35 28,"
    "34 31,36 36,27 37,27 40,40 41,37 45,40 47,34 46,"
    "30 46,28 41,23 40,24 37,22 37,19 42,13 46,18 40,16 38,10 44,3 43,0 40,-2 37,-6 36",
    # Australia
    "114 -22,122 -18,130 -12,136 -12,136 -15,140 -17,142 -11,"
    "146 -19,153 -25,153 -30,150 -37,144 -38,138 -35,"
    "131 -31,124 -33,115 -34",
    # Islands
    "44 -25,47 -25,50 -15,49 -12,44 -17",
    "-5 50,1 51,2 53,-2 56,-3 58,-6 57,-3 54",
    "-24 65,-14 65,-19 63",
    "131 31,136 34,140 35,142 40,145 44,141 45,140 40,136 36,131 34",
    "95 6,104 -2,106 -6,101 -2",
    "106 -7,114 -8,108 -6",
    "109 1,117 7,119 5,116 -4,110 -3",
    "131 -1,141 -3,150 -10,141 -9,134 -4",
    "173 -35,178 -38,174 -42,167 -46,172 -41",
    "120 18,124 13,126 7,122 7,122 13",
    "119 -5,121 1,125 2,121 0,123 -5",
    "-85 22,-74 20,-78 22",
    # Antarctica
    "-180 -78,-150 -77,-100 -73,-62 -64,-60 -75,-30 -79,0 -70,50 -67,"
    "90 -66,140 -66,170 -72,180 -78,180 -90,-180 -90",
)
_NORTH, _SOUTH = 84, -62


def locator_svg(corners: Sequence[tuple[float, float]]) -> str:
    """Return a world map as SVG, on which the place of a product is marked.

    Parameters
    ----------
    corners : sequence of (longitude, latitude)
        Corners of the product, degrees.
    """
    longitude = longitude_near(sum(x for x, _ in corners) / len(corners), 0.0)
    latitude = sum(y for _, y in corners) / len(corners)
    shapes = "".join(f'<path class="land" d="M{_points(text)}Z"/>' for text in _LAND)
    rules = "".join(f"M{x} {-_NORTH}V{-_SOUTH}" for x in range(-150, 180, 30))
    rules += "".join(f"M-180 {y}H180" for y in range(-60, 90, 30))
    return (
        f'<svg class="locator" viewBox="-180 {-_NORTH} 360 {_NORTH - _SOUTH}" role="img" '
        f'aria-labelledby="locator-t"><title id="locator-t">World map with the product at '
        f"{abs(latitude):.2f} degrees {'north' if latitude >= 0 else 'south'}, {abs(longitude):.2f} degrees "
        f"{'east' if longitude >= 0 else 'west'}.</title>"
        f'<rect class="sea" x="-180" y="{-_NORTH}" width="360" height="{_NORTH - _SOUTH}"/>{shapes}'
        f'<path class="rule" d="{rules}"/>'
        f'<path class="cross" d="M{longitude:.2f} {-_NORTH}V{-latitude - 5:.2f}M{longitude:.2f} '
        f"{-latitude + 5:.2f}V{-_SOUTH}M-180 {-latitude:.2f}H{longitude - 5:.2f}M{longitude + 5:.2f} "
        f'{-latitude:.2f}H180"/>'
        f'<circle class="spot" cx="{longitude:.2f}" cy="{-latitude:.2f}" r="4.5"/></svg>'
    )


def _points(text: str) -> str:
    pairs = (point.split() for point in text.split(","))
    return "L".join(f"{x} {-int(y)}" for x, y in pairs)

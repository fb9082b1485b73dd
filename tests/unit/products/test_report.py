"""The report: its page, pictures and charts."""

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from lxml import html

from isce2_recipe.paths import REPORT_TEMPLATE
from isce2_recipe.products import colours
from isce2_recipe.products.package import template_text
from isce2_recipe.products.quality import measuring
from isce2_recipe.products.quality.judging import judgements
from isce2_recipe.products.reading import open_product
from isce2_recipe.products.report import maps, page
from isce2_recipe.products.report.page import ReportInputs, write_report
from isce2_recipe.products.report.reduced import ReducedProduct
from isce2_recipe.products.report.steps import REPORT_SIZES, lay_out, steps_svg
from isce2_recipe.products.report.views import views
from support import browser
from support.finished import CM, fields, write_product, write_truth

STEPS = [
    {"id": "pair", "action": "a.b", "kind": "", "summary": "<Pair>", "after": []},
    {"id": "fetch", "action": "c.d", "kind": "source", "summary": "Fetch", "after": ["pair"]},
    {"id": "report", "action": "report.write", "kind": "", "summary": "Show", "after": ["fetch"]},
    {"id": "far", "action": "e.f", "kind": "engine", "summary": "Far", "after": ["pair", "report"]},
]

TEMPLATE = template_text((), name=REPORT_TEMPLATE)
NOTES = ("Before the run, memory: too little & more.",)


def run() -> dict:
    facts = [("done", 1.5, 2e8), ("done", 61.0, 1.5e9), ("to do", None, None), ("skipped", None, None)]
    steps_of_run = [
        {**step, "status": status, "seconds": seconds, "memory": memory}
        for step, (status, seconds, memory) in zip(STEPS, facts, strict=True)
    ]
    return {
        "recipe": {"name": "r", "summary": "A recipe & more"},
        "version": "0.1.0",
        "packages": {"numpy": "2.0"},
        "parameters": {"looks": "20x4", "reference": ["ONE", "TWO"]},
        "command": "isce2-recipe run r --set 'x=<1>'",
        "source": "simulated",
        "engine": "builtin 0.1.0",
        "steps": steps_of_run,
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> ReportInputs:
    folder = tmp_path_factory.mktemp("inputs")
    product, truth = write_product(folder), write_truth(folder / "truth.tif", 0.001)
    quality = measuring.write(folder, measuring.quality(product, truth=truth))
    orbits = ("S1A_OPER_AUX_POEORB_1.EOF", "S1A_OPER_AUX_RESORB_2.EOF")
    return ReportInputs(product, quality, orbits, truth, {"max_components": 1}, NOTES, run(), TEMPLATE)


@pytest.fixture(scope="module")
def report(inputs, tmp_path_factory) -> tuple[Path, list[Path]]:
    return write_report(tmp_path_factory.mktemp("report"), inputs)


@pytest.fixture(scope="module")
def document(report):
    return html.fromstring(report[0].read_text(encoding="utf-8"))


def test_the_same_run_gives_the_same_bytes(inputs, report, tmp_path):
    path, pictures = write_report(tmp_path, replace(inputs, run=run()))
    assert path.read_bytes() == report[0].read_bytes()
    assert [one.read_bytes() for one in pictures] == [one.read_bytes() for one in report[1]]


def test_the_page_loads_nothing_and_has_only_its_own_script(report):
    text = report[0].read_text(encoding="utf-8")
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert (
        f"default-src 'none'; style-src 'unsafe-inline'; img-src data:; script-src 'sha256-{digest}'" in text
    )
    links = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(link.startswith(("#", "data:")) for link in links)
    # The only other addresses are names of namespaces, which browsers do not load.
    assert not re.findall(r"url\((?!#)", text)


def test_texts_are_escaped(document):
    assert "<Pair>" in document.text_content()
    assert "'x=<1>'" in document.text_content()


def test_the_page_contains_the_facts_of_the_run(document):
    said = document.text_content()
    for text in (
        "4 June 2020, 02:23:12 UTC",
        "12 days",
        "\N{MINUS SIGN}100.8 m",
        "1 precise (POEORB), 1 restituted (RESORB)",
        "1 min 01 s",
        "1.5 GB",
        "isce2-recipe run r",
        "These data are simulated",
        "Measured minus true",
        "The number of connected components is 2, above max_components 1.",
        "this page",
        NOTES[0],
    ):
        assert text in said, text


def test_drawings_have_titles_and_tables_have_headings(document):
    drawings = document.xpath("//*[local-name()='svg']")
    assert len(drawings) >= 13
    # Narrow screens show the picture of the largest map in another frame; the page has it only once.
    assert len(document.xpath("//*[local-name()='use']")) == len(document.xpath("//*[@class='narrow']"))
    for drawing in drawings:
        (title,) = drawing.xpath("./*[local-name()='title']")
        assert title.text.strip() and drawing.get("aria-labelledby") == title.get("id")
    for table in document.xpath("//table"):
        assert table.xpath("./caption") and table.xpath(".//th[@scope='col']")
    identifiers = document.xpath("//@id")
    assert len(identifiers) == len(set(identifiers))


def test_the_page_has_landmarks_and_ordered_headings(document):
    assert document.get("lang") == "en"
    for landmark in ("header", "nav", "main", "footer"):
        assert len(document.xpath(f"//{landmark}")) == 1
    levels = [int(one.tag[1]) for one in document.xpath("//h1|//h2|//h3")]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    targets = {link[1:] for link in document.xpath("//a/@href")}
    assert targets <= set(document.xpath("//@id"))


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_contrasts_meet_wcag_aa(scheme):
    """4.5 for text and 3 for lines of charts (WCAG 2.2, 1.4.3 and 1.4.11)."""
    block = re.findall(r":root \{(.*?)\}", TEMPLATE, re.DOTALL)[scheme]
    found = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    for ink in ("ink", "soft", "accent", "good", "bad"):
        for paper in ("paper", "card"):
            assert _contrast(found[ink], found[paper]) >= 4.5, (ink, paper)
    for paper in ("source", "engine", "plain", "badfill"):
        assert _contrast(found["ink"], found[paper]) >= 4.5, paper
    for line in ("a", "b", "c", "line"):
        assert _contrast(found[line], found["paper"]) >= 3, line


def test_pictures_show_the_values_of_the_layers(inputs):
    shown = {view.name: view for view in views(ReducedProduct(open_product(inputs.product), inputs.truth))}
    assert set(shown) == {"displacement", "wrapped_phase", "coherence", "amplitude", "mask", "terrain"}
    displacement = shown["displacement"]
    # The hill rises 9 rad above a plain; the scale leaves half a percent of the pixels out.
    assert displacement.scale.high == pytest.approx(9 * CM, rel=0.15)
    middle = displacement.picture[30, 30]
    assert middle[0] > middle[2] and middle[3] == 255
    # Coherence is bright on land and dark on water.
    coherence = shown["coherence"].picture.astype(int)
    assert coherence[30, 20, :3].sum() > coherence[30, 75, :3].sum()


def test_pictures_are_cropped_to_the_data(tmp_path):
    corr = np.zeros((60, 90))
    corr[20:30, 40:60] = 0.5
    reduced = ReducedProduct(open_product(write_product(tmp_path, corr=corr)))
    west, south, east, north = reduced.grid.bounds
    assert (east - west) / 80 == 24 and (north - south) / 80 == 14
    assert west == 400000 + 38 * 80 and north == 3080000 - 18 * 80
    assert np.isfinite(reduced.small("corr", mean=False)).sum() == 200


def test_quicklooks_are_next_to_the_page(report):
    from PIL import Image

    assert {path.stem.split("ABCD_")[1] for path in report[1]} >= {"displacement", "coherence", "error"}
    for path in report[1]:
        with Image.open(path) as picture:
            assert len(picture.convert("RGB").resize((200, 100)).getcolors(20000)) > 2


def test_a_product_without_any_data_has_a_page(tmp_path):
    nothing = {name: np.zeros((60, 90)) for name in ("unw_phase", "wrapped_phase", "corr", "conncomp", "amp")}
    product = write_product(tmp_path, **nothing)
    quality = measuring.write(tmp_path, measuring.quality(product))
    path, _ = write_report(tmp_path, ReportInputs(product, quality, (), None, {}, (), {}, TEMPLATE))
    assert "nothing was unwrapped" in path.read_text(encoding="utf-8")


def test_the_page_of_alos_scenes_takes_their_times_from_tags(tmp_path):
    phase = np.where(fields()["corr"] > 0, 50.0 + np.linspace(-1.0, 3.0, 90), 0.0)
    product = write_product(tmp_path, "ALPSRP156121200xALPSRP162831200", dispersive_phase=phase)
    with rasterio.open(next(product.glob("*_unw_phase.tif")), "r+") as dataset:
        dataset.update_tags(
            REFERENCE_TIME="2008-12-29T08:16:33.736000Z", SECONDARY_TIME="2009-02-13T08:16:33.750000Z"
        )
    quality = measuring.write(tmp_path, measuring.quality(product))
    path, pictures = write_report(tmp_path, ReportInputs(product, quality, (), None, {}, (), {}, TEMPLATE))
    said = html.fromstring(path.read_text(encoding="utf-8")).text_content()
    for text in ("29 December 2008, 08:16:33 UTC", "13 February 2009, 08:16:33 UTC", "46 days", "Ionosphere"):
        assert text in said
    for text in ("Seams between bursts", "Orbits"):
        assert text not in said
    assert "ALPSRP156121200xALPSRP162831200_ionosphere.png" in [one.name for one in pictures]
    (shown,) = [view for view in views(ReducedProduct(open_product(product))) if view.name == "ionosphere"]
    assert shown.scale.unit == "rad"
    assert max(abs(shown.scale.low), shown.scale.high) == pytest.approx(2.0, abs=0.15)


FOUND = {"azimuth": {"seconds": 2e-5, "lines": 0.0101, "std": 0.002, "points": 1978, "isce2_lines": 0.0034}}
NOT_FOUND = {"azimuth": {"seconds": 0.0, "lines": None, "std": None, "points": 0, "isce2_lines": None}}
RANGE = {"range": {"metres": 0.5, "samples": 0.212, "std": 0.1, "points": 31}}
OF_ISCE2 = {"azimuth": {"seconds": None}, "range": {"samples": 0.16, "std": 0.2, "points": 40}}
TRUTH = {"truth": {"azimuth_lines": 0.01, "range_samples": 0.2}}


@pytest.mark.parametrize("shifts", [FOUND | RANGE, NOT_FOUND | RANGE, OF_ISCE2, FOUND | RANGE | TRUTH])
def test_the_page_has_the_shifts_of_esd_with_and_without_a_truth(tmp_path, shifts):
    product = write_product(tmp_path)
    quality = measuring.write(tmp_path, measuring.quality(product) | {"coregistration": shifts})
    path, _ = write_report(tmp_path, ReportInputs(product, quality, (), None, {}, (), {}, TEMPLATE))
    (table,) = html.fromstring(path.read_text(encoding="utf-8")).xpath("//*[@aria-label='Coregistration']")
    assert ("Truth" in table.text_content()) == ("truth" in shifts)
    assert ("not found" in table.text_content()) == (
        shifts["azimuth"].get("lines", 0) is None or "lines" not in shifts["azimuth"]
    )


def test_the_page_of_a_turned_pair_states_the_sign_in_the_order_of_time(tmp_path, document):
    assert "red moved away from the satellite between 2020-06-04 and 2020-06-16" in document.text_content()
    assert "Positive values are motion away from the satellite" in document.text_content()
    product = write_product(tmp_path)
    path = product / f"{product.name}.txt"
    text = path.read_text().replace("20200616T", "20200101T")
    path.write_text(text)
    quality = measuring.write(tmp_path, measuring.quality(product))
    page, _ = write_report(tmp_path, ReportInputs(product, quality, (), None, {}, (), {}, TEMPLATE))
    said = html.fromstring(page.read_text(encoding="utf-8")).text_content()
    for words in (
        "red moved towards the satellite between 2020-01-01 and 2020-06-04, blue away from it",
        "because the reference is the newer pass",
        "positive values are motion towards the satellite",
        "Reference (newer)",
        "155 days",
    ):
        assert words in said


def test_the_page_of_a_product_in_degrees_has_sizes_on_the_ground(tmp_path):
    product = write_product(tmp_path)
    for path in product.glob("*.tif"):
        with rasterio.open(path, "r+") as dataset:
            dataset.crs = "EPSG:4326"
            dataset.transform = Affine(0.001, 0, 53, 0, -0.001, 60.03)
    quality = measuring.write(tmp_path, found := measuring.quality(product))
    side_m = 111_195 * 0.001
    pixels = round((fields()["unw_phase"] != 0).sum())
    assert found["coverage"]["area_km2"] == pytest.approx(pixels * side_m**2 / 2 / 1e6, rel=0.001)
    path, _ = write_report(tmp_path, ReportInputs(product, quality, (), None, {}, (), {}, TEMPLATE))
    said = path.read_text(encoding="utf-8")
    assert "90 × 60 pixels of 0.001 degrees, EPSG:4326" in said
    assert re.search(r"from A to B, [345] km from west to east", said)


def test_long_arrows_pass_beside_the_boxes_between():
    drawing = lay_out({step["id"]: step["after"] for step in run()["steps"]}, REPORT_SIZES)
    (long,) = [chain for chain in drawing.chains if len(chain) > 2]
    assert (long[0], long[-1]) == ("pair", "far")
    for name in long[1:-1]:
        x, y = drawing.places[name]
        boxes = [place for box, place in drawing.places.items() if "@" not in box and place[1] == y]
        assert all(abs(x - place[0]) > REPORT_SIZES.width / 2 for place in boxes)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [(0, 1, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]), (-7, 8, ["−5", "0", "5"]), (3, 3, ["3"])],
)
def test_ticks_are_round(low, high, texts):
    assert [text for _, text in colours.nice_ticks(low, high)] == texts


@pytest.mark.parametrize("exponent", range(-3, 3))
def test_a_scale_around_zero_has_several_ticks(exponent):
    for reach in np.arange(1.0, 10.0, 0.1) * 10.0**exponent:
        scale = colours.signed_scale(float(reach), "cm")
        places = [place for place, _ in scale.ticks]
        assert 3 <= len(places) <= 9
        assert min(places) == -max(places) >= scale.low


def test_degrees_have_a_compass_letter():
    assert maps.degree_text(-12.5, "−12.5", "EW") == "12.5° W"
    assert maps.degree_text(0.0, "0", "NS") == "0°"


def test_orbit_files_are_counted_by_kind():
    assert page.orbit_text(["X_POEORB_1", "X_POEORB_2"]) == "2 precise (POEORB)"
    assert page.orbit_text(["X_POEORB_1", "Y"]) == "1 precise (POEORB), 1 of unknown kind"


LOADED = """
const images = [...document.querySelectorAll('svg image')];
Promise.all(images.map(async image => {
  const copy = new Image(); copy.src = image.getAttribute('href'); await copy.decode();
  const box = image.getBoundingClientRect();
  return copy.naturalWidth > 0 && box.width > 50 && box.height > 20;
})).then(done, error => done(String(error)));
"""
# The keyboard reaches everything that scrolls, and first a link that skips the navigation.
KEYBOARD = """
const wide = [...document.querySelectorAll('*')].filter(one =>
  one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX === 'auto');
const first = document.querySelector('a[href], [tabindex="0"]');
first.focus();
const {left, top} = first.getBoundingClientRect();
done([wide.filter(one => one.tabIndex < 0).length, first.getAttribute('href'), left >= 0 && top >= 0]);
"""
WIDE = "done([document.documentElement.scrollWidth, document.documentElement.clientWidth]);"


READ = """
const map = document.querySelector('svg.map[data-values]');
const readout = map.closest('figure').querySelector('.readout');
const [x, y, w, h] = map.dataset.box.split(' ').map(Number);
const box = map.getBoundingClientRect(), scale = box.width / map.viewBox.baseVal.width;
const at = {clientX: box.left + (x + w / 2) * scale, clientY: box.top + (y + h / 2) * scale};
setTimeout(() => {
  map.dispatchEvent(new PointerEvent('pointermove', at));
  const first = readout.textContent;
  map.dispatchEvent(new KeyboardEvent('keydown', {key: '+'}));
  const zoomed = [map.classList.contains('zoomed'), map.querySelector('.zoom').getAttribute('transform')];
  map.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}));
  done([first, ...zoomed, readout.textContent, map.tabIndex]);
}, 300);
"""


@pytest.mark.slow
@pytest.mark.skipif(bool(browser.MISSING), reason=browser.MISSING or "there")
def test_values_and_places_are_read_by_pointer_and_keyboard(report, inputs):
    with browser.browser() as session:
        session.open(report[0])
        first, zoomed, transform, second, focus = session.run(READ)
    found = re.fullmatch(r"([0-9.]+)° N, ([0-9.]+)° E: (−?[0-9.]+) cm", first)
    assert found, first
    reduced = ReducedProduct(open_product(inputs.product))
    rows, cols = reduced.shape
    value = float(reduced.displacement_cm[rows // 2, cols // 2])
    assert float(found[3].replace("\N{MINUS SIGN}", "-")) == pytest.approx(value, abs=0.5)
    longitudes, latitudes = zip(*maps.corners(reduced.grid), strict=True)
    assert float(found[1]) == pytest.approx(sum(latitudes) / 4, abs=0.002)
    assert float(found[2]) == pytest.approx(sum(longitudes) / 4, abs=0.002)
    assert zoomed and "scale(2)" in transform and focus == 0
    assert second != first


@pytest.mark.slow
@pytest.mark.skipif(bool(browser.MISSING), reason=browser.MISSING or "there")
def test_a_browser_draws_the_page_without_errors(report):
    from PIL import Image

    with browser.browser() as session:
        session.open(report[0])
        loaded = session.run(LOADED)
        assert len(loaded) == 8 and all(loaded), loaded
        shots = []
        for scheme in ("light", "dark"):
            session.scheme(scheme)
            with Image.open(io.BytesIO(session.screenshot())) as shot:
                shots.append(shot.convert("RGB"))
        assert min(shots[0].getpixel((3, 3))) > 200 and max(shots[1].getpixel((3, 3))) < 60
        assert len(shots[0].getcolors(1 << 20)) > 100
        for width in (320, 500, 900, 1600):
            session.width(width)
            inside, window = session.run(WIDE)
            assert inside <= window, f"scrolls sideways at {width} pixels"
            assert session.run(KEYBOARD) == [0, "#main", True]
        assert session.pdf().startswith(b"%PDF")
        assert session.log() == []


def test_boxes_of_the_graph_are_as_wide_as_their_texts():
    long = "a_step_of_a_part/with_another_part/and_a_long_name"
    step = {"id": long, "action": "a", "kind": "", "status": "done", "seconds": 1.0, "memory": 1, "after": []}
    drawn = steps_svg([step])
    (width,) = re.findall(r'class="box"[^>]* width="([0-9]+)"', drawn)
    assert int(width) > 7.5 * len(long)


def test_values_beyond_the_colours_are_marked(tmp_path):
    phase = np.zeros((60, 90))
    phase[5:55, 5:85] = 1.0
    phase[30, 30:34] = 30.0
    reduced = ReducedProduct(open_product(write_product(tmp_path, unw_phase=phase)))
    (shown,) = [view for view in views(reduced) if view.name == "displacement"]
    assert shown.beyond == (False, True)


def test_numbers_have_a_rule_of_thumb():
    quality = {"coverage": {"valid_fraction": 0.6}, "unwrapping": {"residues_per_thousand": 80.0}}
    assert {name: word for name, (word, _) in judgements(quality).items()} == {
        "valid": "usable",
        "residues": "poor",
    }


def test_links_lead_to_the_files_of_the_product(inputs, tmp_path):
    path, _ = write_report(tmp_path, replace(inputs, place=tmp_path))
    links = html.fromstring(path.read_text(encoding="utf-8")).xpath(
        "//section[@aria-labelledby='data']//a/@href"
    )
    assert len(links) > 5
    assert all((tmp_path / link).is_file() for link in links)


def test_the_wall_time_counts_steps_that_run_together_once():
    steps = [
        {"seconds": 60.0, "finished": "2026-01-01T00:01:00+00:00"},
        {"seconds": 30.0, "finished": "2026-01-01T00:01:10+00:00"},
        {"seconds": 5.0, "finished": "2026-01-02T00:00:05+00:00"},
        {"seconds": None, "finished": None},
    ]
    assert page._wall_s(steps) == pytest.approx(75.0)
    assert page._wall_s(steps[3:]) is None


@pytest.mark.parametrize("heading", range(-180, 180, 15))
def test_the_words_of_flight_and_radar_end_left_of_the_north_arrow(inputs, heading):
    reduced = ReducedProduct(open_product(inputs.product))
    view = views(reduced)[0]
    frame = maps.map_frame(reduced.product.grid, 400)
    drawn = maps.map_svg(view, frame, 400, heading_deg=heading)
    places = re.findall(r'<g class="over" transform="translate\(([\d.-]+) ', drawn)
    (north, rose) = float(places[0]), float(places[-1])
    words = re.findall(r'<text class="ink" x="([\d.-]+)"[^>]*>(?:flight|radar)<', drawn)
    assert len(words) == 2
    assert all(rose + float(x) + 20 < north - 6 for x in words)

"use strict";
// Reads values and places under the pointer or by keyboard, and zooms; the page works without it.
(() => {
  const main = document.getElementById("main");
  const places = JSON.parse(main.dataset.places);
  const last = places.length - 1;
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  function placeAt(u, v) {
    const col = clamp(Math.floor(u * last), 0, last - 1), row = clamp(Math.floor(v * last), 0, last - 1);
    const f = u * last - col, g = v * last - row;
    return [0, 1].map(k =>
      (1 - g) * ((1 - f) * places[row][col][k] + f * places[row][col + 1][k]) +
      g * ((1 - f) * places[row + 1][col][k] + f * places[row + 1][col + 1][k]));
  }

  function degrees(value, letters) {
    const inside = ((value + 540) % 360) - 180;
    return `${Math.abs(inside).toFixed(3)}° ${letters[inside < 0 ? 1 : 0]}`;
  }

  function connect(svg) {
    const [x, y, w, h] = svg.dataset.box.split(" ").map(Number);
    const low = Number(svg.dataset.low), high = Number(svg.dataset.high), unit = svg.dataset.unit;
    const layer = svg.querySelector(".zoom"), cross = svg.querySelector(".at");
    const digits = Math.max(0, 2 - Math.floor(Math.log10((high - low) || 1)));
    const readout = document.createElement("p");
    readout.className = "readout";
    readout.setAttribute("aria-live", "polite");
    svg.closest("figure").querySelector("figcaption").append(readout);
    let data = null, zoom = 1, centre = [0.5, 0.5], at = [0.5, 0.5];

    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = image.naturalWidth;
      canvas.height = image.naturalHeight;
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      data = context.getImageData(0, 0, canvas.width, canvas.height);
    };
    image.src = `data:image/png;base64,${svg.dataset.values}`;

    function show() {
      const half = 0.5 / zoom;
      centre = centre.map(value => clamp(value, half, 1 - half));
      const shift = [x + w * (0.5 - centre[0] * zoom), y + h * (0.5 - centre[1] * zoom)];
      layer.setAttribute("transform", `translate(${shift}) scale(${zoom}) translate(${[-x, -y]})`);
      svg.classList.toggle("zoomed", zoom > 1);
      cross.setAttribute("transform", `translate(${[shift[0] + w * at[0] * zoom, shift[1] + h * at[1] * zoom]})`);
      if (data === null) return;
      const col = clamp(Math.floor(at[0] * data.width), 0, data.width - 1);
      const row = clamp(Math.floor(at[1] * data.height), 0, data.height - 1);
      const level = data.data[4 * (row * data.width + col)];
      const value = low + (high - low) * (level - 1) / 254;
      const [longitude, latitude] = placeAt(at[0], at[1]);
      const text = level === 0 ? "no data" : `${value.toFixed(digits).replace("-", "\u2212")} ${unit}`;
      readout.textContent = `${degrees(latitude, "NS")}, ${degrees(longitude, "EW")}: ${text}`;
    }

    function zoomTo(next) {
      zoom = clamp(next, 1, 32);
      centre = [...at];
      show();
    }

    function point(event) {
      const box = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
      const across = ((event.clientX - box.left) * view.width / box.width - x) / w;
      const down = ((event.clientY - box.top) * view.height / box.height - y) / h;
      if (across < 0 || across > 1 || down < 0 || down > 1) return false;
      at = [centre[0] + (across - 0.5) / zoom, centre[1] + (down - 0.5) / zoom];
      return true;
    }

    const step = 0.01;
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", event => { if (point(event)) show(); });
    svg.addEventListener("dblclick", event => { if (point(event)) zoomTo(event.shiftKey ? zoom / 2 : zoom * 2); });
    svg.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const move = moves[event.key];
      if (move) {
        at = at.map((value, k) => clamp(value + move[k] * step / zoom, 0, 1));
        if (zoom > 1) centre = [...at];
        show();
      } else if (event.key === "+" || event.key === "=") zoomTo(zoom * 2);
      else if (event.key === "-") zoomTo(zoom / 2);
      else if (event.key === "0") zoomTo(1);
      else return;
      event.preventDefault();
    });
  }

  document.querySelectorAll("svg.map[data-values]").forEach(connect);
  const help = document.createElement("p");
  help.className = "soft help";
  help.textContent = "Point at a map to read its values. A double click zooms in, with the shift key out. " +
    "By keyboard: Tab selects a map, the arrow keys move, + and - zoom, 0 shows all.";
  document.getElementById("maps").after(help);
})();

"""A real browser, driven over W3C WebDriver's own protocol; needs chromium and chromedriver, nothing else."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# GitHub's runners have several browsers, and name the folder of the driver that fits Chrome.
_HOSTED = os.environ.get("CHROMEWEBDRIVER")
_NAMES = ("google-chrome",) if _HOSTED else ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)
DRIVER = shutil.which("chromedriver", path=_HOSTED)
_LACKING = [name for name, path in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if path is None]
MISSING = (
    f"needs {' and '.join(_LACKING)}; on Debian: apt install chromium chromium-driver" if _LACKING else ""
)

# The driver runs on this machine: no proxy is used, even if the environment names one.
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """A session of the browser."""

    def __init__(self, address: str) -> None:
        options = {
            "binary": CHROMIUM,
            "args": [
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                "--window-size=1280,1800",
            ],
        }
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._base = address
        found = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self._base = f"{address}/session/{found['sessionId']}"

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        data = json.dumps(body or {}).encode() if method == "POST" else None
        request = urllib.request.Request(
            self._base + path, data, {"Content-Type": "application/json"}, method=method
        )
        with _DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, path: Path) -> None:
        self._call("POST", "/url", {"url": path.as_uri()})

    def run(self, script: str) -> Any:
        """Return the value that an asynchronous script passes to ``done``."""
        text = f"const done = arguments[arguments.length - 1]; {script}"
        return self._call("POST", "/execute/async", {"script": text, "args": []})

    def scheme(self, name: str) -> None:
        """Set the preferred colour scheme, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": name}]
        body = {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}}
        self._call("POST", "/goog/cdp/execute", body)

    def width(self, pixels: int) -> None:
        params = {"width": pixels, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        body = {"cmd": "Emulation.setDeviceMetricsOverride", "params": params}
        self._call("POST", "/goog/cdp/execute", body)

    def log(self) -> list[str]:
        """Return the messages of the console."""
        return [entry["message"] for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def screenshot(self) -> bytes:
        return base64.b64decode(self._call("GET", "/screenshot"))

    def pdf(self) -> bytes:
        return base64.b64decode(self._call("POST", "/print", {}))

    def close(self) -> None:
        self._call("DELETE", "")


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that ends with the block."""
    with subprocess.Popen(
        [str(DRIVER), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            port = next(
                found[1]
                for line in process.stdout or ()
                if (found := re.search(r"successfully on port (\d+)", line))
            )
            session = Browser(f"http://127.0.0.1:{port}")
            try:
                yield session
            finally:
                session.close()
        finally:
            process.terminate()

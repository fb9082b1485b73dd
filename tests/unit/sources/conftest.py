from __future__ import annotations

import pytest

from support import asf_server
from support.downloads import FILE, TIFF


@pytest.fixture
def server():
    with asf_server.running() as state:
        state.files[FILE] = TIFF
        yield state


@pytest.fixture
def cached(server, tmp_path):
    """The server, with a cache for its clients."""
    server.cache = str(tmp_path / "cache")
    return server

from __future__ import annotations

import pytest

from support.isce_folder import Ground


@pytest.fixture
def ground() -> Ground:
    return Ground()

"""What an engine is: something that runs ISCE2's application steps in a folder."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

# ISCE2 2.6.5, applications/topsApp.py, in order.
TOPS_STEPS = (
    "startup",
    "preprocess",
    "computeBaselines",
    "verifyDEM",
    "topo",
    "subsetoverlaps",
    "coarseoffsets",
    "coarseresamp",
    "overlapifg",
    "prepesd",
    "esd",
    "rangecoreg",
    "fineoffsets",
    "fineresamp",
    "ion",
    "burstifg",
    "mergebursts",
    "filter",
    "unwrap",
    "unwrap2stage",
    "geocode",
)


class Engine(Protocol):
    """One door to ISCE2 and to the builtin engine."""

    name: str
    """``isce2`` or ``builtin``."""

    def version(self) -> str:
        """The engine's version, part of every content key that depends on it."""

    def run(
        self,
        app: str,
        config: Path,
        *,
        folder: Path,
        start: str | None,
        end: str | None,
        log: logging.Logger,
        progress: Callable[[float, str], None],
        cpus: int,
    ) -> None:
        """Run the steps ``start`` to ``end``, both included, of an ISCE2 application.

        Parameters
        ----------
        app : str
            ``topsApp`` or ``stripmapApp``.
        config : Path
            The application's XML.
        folder : Path
            The work folder: relative paths in the XML are relative to it, outputs go there.
        start, end : str or None
            Names of steps; None means the first or the last.

        Raises
        ------
        EngineFailed
            With the last lines, the log's path and what to do.
        InputError
            If the XML or a file it names cannot be used.
        """

"""RO-Crate's own validator on a crate, without a network.

The validator would fetch a crate's context from the network. Here it finds the context in its cache: the
terms that our crates use, with the addresses that RO-Crate 1.1 gives them. A term missing here is unknown.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from urllib3 import HTTPResponse

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
PROFILE = "workflow-run-crate"
_SCHEMA_ORG = """
    about actionStatus additionalType alternateName ComputerLanguage contentSize CreateAction CreativeWork
    Dataset
    datePublished description encodingFormat exampleOfWork hasPart identifier instrument keywords license
    mainEntity mentions name object programmingLanguage PropertyValue result SoftwareApplication
    softwareRequirements SoftwareSourceCode softwareVersion url value version workExample
"""
_BIOSCHEMAS = "https://bioschemas.org/"
TERMS = {
    **{term: f"http://schema.org/{term}" for term in _SCHEMA_ORG.split()},
    "File": "http://schema.org/MediaObject",
    "conformsTo": "http://purl.org/dc/terms/conformsTo",
    "ComputationalWorkflow": f"{_BIOSCHEMAS}ComputationalWorkflow",
    "FormalParameter": f"{_BIOSCHEMAS}FormalParameter",
    "input": f"{_BIOSCHEMAS}ComputationalWorkflow#input",
    "output": f"{_BIOSCHEMAS}ComputationalWorkflow#output",
}


class _Answer(HTTPAdapter):
    """Gives the same answer to every request."""

    def send(self, request: PreparedRequest, **_: Any) -> Response:
        raw = HTTPResponse(
            io.BytesIO(json.dumps({"@context": TERMS}).encode()),
            {"Content-Type": "application/ld+json"},
            200,
            preload_content=False,
            request_url=request.url,
        )
        return self.build_response(request, raw)


def fill_cache(folder: Path) -> Path:
    """Return a cache for the validator that holds the context."""
    cache = folder / "contexts"
    with CachedSession(cache_name=str(cache), backend="sqlite", expire_after=-1) as session:
        session.mount("https://", _Answer())
        session.get(CONTEXT, headers={"Accept": "application/ld+json, application/json, */*;q=0.1"})
    return cache


def problems(crate: Path, scratch: Path, severity: str = "required") -> list[str]:
    """Return the problems that the validator finds in the crate in a folder."""
    report = scratch / "validation.json"
    words = ["validate", "--offline", "--cache-path", str(fill_cache(scratch))]
    words += ["--profile-identifier", PROFILE, "--no-auto-profile", "--requirement-severity", severity]
    words += ["--output-format", "json", "--output-file", str(report), str(crate)]
    code = "import sys; from rocrate_validator.cli.main import cli; sys.exit(cli())"
    done = subprocess.run(
        [sys.executable, "-c", code, "--no-interactive", "--disable-color", *words],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"HOME": str(scratch)},
        timeout=300,
    )
    assert report.is_file(), done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["passed"] == (not found["issues"])
    assert (done.returncode == 0) == found["passed"], done.stdout + done.stderr
    return [issue["message"] for issue in found["issues"]]

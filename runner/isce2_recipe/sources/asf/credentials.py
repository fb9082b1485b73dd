"""Earthdata Login credentials, which are read but never written."""

from __future__ import annotations

import base64
import codecs
import json
import netrc
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from isce2_recipe.errors import InputError


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials and their origin."""

    # Names of the variables or the file that they are from, for messages; empty if there are none.
    origin: str = ""
    token: str | None = field(default=None, repr=False)
    # User name and password, if there is no token.
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    warning: str = ""  # a problem of the place that they are from; empty if there is none

    @property
    def expires(self) -> datetime | None:
        """The time at which the token expires, if it has one (Earthdata's tokens are JSON web tokens)."""
        parts = (self.token or "").split(".")
        try:
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            return datetime.fromtimestamp(float(claims["exp"]), UTC)
        except (IndexError, ValueError, KeyError, TypeError, OverflowError):
            return None

    @property
    def found(self) -> bool:
        """Whether there are credentials."""
        return bool(self.token or self.user)


_MOST_BYTES = 1 << 15  # what a pipe holds on every system; netrc files have some hundred bytes

HINT = (
    "set EARTHDATA_TOKEN, or EARTHDATA_USERNAME and EARTHDATA_PASSWORD, or put "
    "'machine urs.earthdata.nasa.gov login USER password PASSWORD' into ~/.netrc; "
    "accounts are free: https://urs.earthdata.nasa.gov/users/new"
)


def find_credentials(environment: Mapping[str, str], login_url: str) -> Credentials:
    """Return the credentials of ``EARTHDATA_TOKEN``, else user name and password, else the netrc file.

    ``NETRC`` names another file than ``~/.netrc``, whose machine is the host of the login's address. Raise
    InputError if the file cannot be parsed, or if only one of user name and password is set.
    """
    if environment.get("EARTHDATA_TOKEN"):
        return Credentials("EARTHDATA_TOKEN", token=environment["EARTHDATA_TOKEN"].strip())
    user, password = environment.get("EARTHDATA_USERNAME"), environment.get("EARTHDATA_PASSWORD")
    if user and password:
        return Credentials("EARTHDATA_USERNAME and EARTHDATA_PASSWORD", user=user, password=password)
    if user or password:
        missing = "EARTHDATA_PASSWORD" if user else "EARTHDATA_USERNAME"
        raise InputError(f"the Earthdata credentials are incomplete: {missing} is missing", hint=HINT)
    return _from_netrc(environment, urlsplit(login_url).hostname or "")


def _from_netrc(environment: Mapping[str, str], host: str) -> Credentials:
    home = environment.get("HOME")
    path = Path(environment["NETRC"]) if environment.get("NETRC") else Path(home or "/nonexistent") / ".netrc"
    try:
        if not path.is_file():
            return Credentials()
    except PermissionError:  # the home folder of another user, as in a container
        return Credentials()
    try:
        entry = _parsed(path).authenticators(host)
    except (netrc.NetrcParseError, OSError, UnicodeDecodeError) as exc:
        raise InputError(f"{path} cannot be read: {exc}", hint=HINT) from exc
    if entry is None or not entry[0] or not entry[2]:
        return Credentials()
    return Credentials(str(path), user=entry[0], password=entry[2], warning=_exposure(path))


def _parsed(path: Path) -> netrc.netrc:
    """Return a netrc file; the standard parser does not accept a byte order mark, which Windows writes."""
    text = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "wb") as pipe:
        pipe.write(text[:_MOST_BYTES])
        pipe.close()
        try:
            return netrc.netrc(f"/dev/fd/{reader}")
        except netrc.NetrcParseError as exc:
            raise netrc.NetrcParseError(exc.msg, None, exc.lineno) from None


def _exposure(path: Path) -> str:
    """Return a warning if other users can read a file with a password."""
    if os.name == "posix" and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return f"other users of this machine can read the password in {path}: chmod 600 {path}"
    return ""

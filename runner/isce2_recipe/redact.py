"""Removal of secrets, by their value, from every text before it reaches a file or terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

MASK = "***"
_SHORTEST = 6  # characters; shorter secrets would hide ordinary words
_SECRET_NAME = re.compile(
    r"PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIAL", re.IGNORECASE
)
_POINTS_TO_A_FILE = re.compile(r"_(FILE|PATH|URI|URL|ENDPOINT)$", re.IGNORECASE)
_USER_NAMES = ("EARTHDATA_USERNAME", "EARTHDATA_USER")


def environment_secrets(environment: Mapping[str, str]) -> set[str]:
    """Return the values of environment variables that are secret by their name."""
    return {
        value
        for name, value in environment.items()
        if _is_secret_name(name) and len(value.strip()) >= _SHORTEST
    }


def _is_secret_name(name: str) -> bool:
    if name.upper().startswith("EARTHDATA_"):
        return name.upper() not in _USER_NAMES
    return bool(_SECRET_NAME.search(name)) and not _POINTS_TO_A_FILE.search(name)


def netrc_secrets(path: Path) -> set[str]:
    """Return the passwords of a netrc file, each also as ``user:password`` of HTTP's basic authentication."""
    import netrc

    if not path.is_file():
        return set()
    try:
        hosts = netrc.netrc(path).hosts
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return set()
    found = set()
    for user, _account, password in hosts.values():
        if password and len(password) >= _SHORTEST:
            found |= {password, _basic(user, password)}
    return found


def _basic(user: str, password: str) -> str:
    import base64

    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _pair_secrets(environment: Mapping[str, str]) -> set[str]:
    password = environment.get("EARTHDATA_PASSWORD", "")
    users = [environment[name] for name in _USER_NAMES if name in environment]
    return {_basic(user, password) for user in users} if len(password) >= _SHORTEST else set()


def known_secrets(environment: Mapping[str, str]) -> frozenset[str]:
    """Return every secret of the environment and of the netrc file."""
    home = environment.get("HOME", "")
    file = environment.get("NETRC") or (f"{home}/.netrc" if home else "")
    found = environment_secrets(environment) | _pair_secrets(environment)
    if file:
        found |= netrc_secrets(Path(file))
    return frozenset(found)


def texts_of(value: object) -> Iterator[str]:
    """Yield the texts in a secret value that are long enough to differ from ordinary words."""
    if isinstance(value, str) and len(value.strip()) >= _SHORTEST:
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item)


def redactor(secrets: frozenset[str]) -> Callable[[str], str]:
    """Return a function that replaces secrets by ``***``, also JSON-escaped, URL-quoted or in base64."""
    if not secrets:
        return lambda text: text
    import base64
    import json
    from urllib.parse import quote

    forms: set[str] = set()
    for secret in secrets:
        forms |= {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)}
        forms.add(base64.b64encode(secret.encode()).decode().rstrip("="))
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(MASK, text)

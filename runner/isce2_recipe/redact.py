"""Removal of secrets, by their value, from every text before it reaches a file or terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

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
        if is_secret_name(name) and len(value.strip()) >= _SHORTEST
    }


def is_secret_name(name: str) -> bool:
    """Return whether a variable of the environment is secret by its name."""
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

    return base64.b64encode(f"{user}:{password}".encode("utf-8", "surrogateescape")).decode()


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
    """Yield the texts and numbers in a secret value that are long enough to differ from ordinary words."""
    text = str(value) if isinstance(value, str | int | float) else ""
    if len(text.strip()) >= _SHORTEST:
        yield text
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from texts_of(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_of(item)


def in_values(value: Any, redact: Callable[[str], str]) -> Any:
    """Return a JSON value without secrets in its texts, keys and numbers. Its form stays as it is."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {in_values(key, redact): in_values(item, redact) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [in_values(item, redact) for item in value]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return MASK if number and redact(str(value)) == MASK else value


def without_secrets(words: Iterable[str], secret: Container[str]) -> list[str]:
    """Return a command line with the values of some parameters masked, however short they are."""
    found, hide = [], False
    for word in words:
        name, equals, _ = word.removeprefix("--set=").partition("=")
        is_secret = name.lstrip("-").replace("-", "_") in secret
        if hide and not word.startswith("--"):
            found.append(MASK)
            continue
        hide = is_secret and not equals and word.startswith("--")
        found.append(f"{word[: word.index(name) + len(name)]}={MASK}" if is_secret and equals else word)
    return found


def redactor(secrets: frozenset[str]) -> Callable[[str], str]:
    """Return a function that replaces secrets by ``***``, also JSON-escaped, URL-quoted or in base64."""
    if not secrets:
        return lambda text: text
    import base64
    import json
    from urllib.parse import quote

    forms: set[str] = set()
    for secret in secrets:
        data = secret.encode("utf-8", "surrogateescape")
        forms |= {secret, json.dumps(secret)[1:-1], quote(data, safe=""), quote(data)}
        forms.add(base64.b64encode(data).decode().rstrip("="))
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: pattern.sub(MASK, text)

"""Trying again what may work next time, and nothing else."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from isce2_recipe.errors import SourceError
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    import requests

# However long a server asks to be left alone, seconds.
_LONGEST_WAIT_S = 120.0
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

_Result = TypeVar("_Result")


class TemporaryError(Exception):
    """A fault that may be gone next time.

    Parameters
    ----------
    reason : str
        What happened.
    wait_s : float, optional
        How long the server asks to wait.
    from_scratch : bool
        Whether what has arrived so far is worth nothing.
    """

    def __init__(self, reason: str, *, wait_s: float | None = None, from_scratch: bool = False) -> None:
        super().__init__(reason)
        self.wait_s = wait_s
        self.from_scratch = from_scratch


def again(what: str, attempt: Callable[[], _Result], settings: Settings, log: logging.Logger) -> _Result:
    """Try until it works, waiting about twice as long each time.

    The waits are drawn at random around that, so that runs that failed together do not come back together.

    Parameters
    ----------
    what : str
        Names the attempt in messages, after the word "could not".
    attempt : callable
        Raises `TemporaryError` where another attempt makes sense.

    Raises
    ------
    SourceError
        After the last attempt.
    """
    wait_s = settings.retry_wait_s
    for number in range(1, settings.attempts + 1):
        try:
            return attempt()
        except TemporaryError as exc:
            if number == settings.attempts:
                raise SourceError(
                    f"could not {what}: {exc} (tried {number} times)",
                    hint="the service or the connection is in trouble; run the same command again later",
                ) from exc
            pause_s = _pause(wait_s, exc.wait_s)
            log.warning("%s: %s; trying again in %.2g s", what, exc, pause_s)
            time.sleep(pause_s)
            wait_s *= 2.0
    raise AssertionError("unreachable")


def raise_if_passing(response: requests.Response) -> None:
    """Raise TemporaryError for a status that may be another next time."""
    if response.status_code in _PASSING:
        host = urlsplit(response.url).netloc
        raise TemporaryError(f"{host} answered {response.status_code}", wait_s=_retry_after(response))


def _retry_after(response: requests.Response) -> float | None:
    """Seconds a server asks to wait, if it does: a number or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _pause(wait_s: float, asked_s: float | None) -> float:
    """Seconds to wait: never less than the server asks for, up to a limit."""
    least_s = 0.5 * wait_s if asked_s is None else min(asked_s, _LONGEST_WAIT_S)
    return min(least_s + wait_s * random.random(), 1.5 * _LONGEST_WAIT_S)


def short(exc: BaseException) -> str:
    """A foreign error in a few words: the innermost reason, without what follows a question mark."""
    inner = exc
    while (reason := _reason(inner)) is not None:
        inner = reason
    text = str(inner).partition("?")[0]
    return f"{type(inner).__name__}: {text.rpartition('): ')[2][:200]}"


def _reason(exc: BaseException) -> BaseException | None:
    candidates = (getattr(exc, "reason", None), *exc.args)
    return next((each for each in candidates if isinstance(each, BaseException) and each is not exc), None)

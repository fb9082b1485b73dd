"""Retries of requests after faults that may be temporary."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from isce2_recipe.errors import NoConnection, SourceError
from isce2_recipe.sources.asf.settings import Settings

if TYPE_CHECKING:
    import requests
    from tenacity import RetryCallState

_LONGEST_RETRY_AFTER_S = 120.0
_OFFLINE_ATTEMPTS = 3
_TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})

_Result = TypeVar("_Result")


class TemporaryError(Exception):
    """A fault that may not occur at the next attempt.

    ``wait_s`` is the time that the server asks to wait, ``from_scratch`` whether the bytes received so far
    are useless, ``offline`` whether there was no connection to the server at all.
    """

    def __init__(
        self, reason: str, *, wait_s: float | None = None, from_scratch: bool = False, offline: bool = False
    ) -> None:
        super().__init__(reason)
        self.offline = offline
        self.wait_s = wait_s
        self.from_scratch = from_scratch


def retry(
    what: str,
    attempt: Callable[[], _Result],
    settings: Settings,
    log: logging.Logger,
    *,
    needs_network: bool = False,
) -> _Result:
    """Call a function until it raises no `TemporaryError`, with waits that grow and are partly random.

    Messages name the task with ``what``, after the words "could not". Raise SourceError after the last
    attempt. With ``needs_network``, raise NoConnection after a few seconds without any connection.
    """
    from tenacity import Retrying, retry_if_exception_type

    most, few = settings.attempts, min(settings.attempts, _OFFLINE_ATTEMPTS)

    def offline(state: RetryCallState) -> bool:
        fault = _fault(state)
        return fault is not None and fault.offline

    def report(state: RetryCallState) -> None:
        log.warning("%s: %s; trying again in %.2g s", what, _fault(state), state.upcoming_sleep)

    retrying = Retrying(
        retry=retry_if_exception_type(TemporaryError),
        stop=lambda state: state.attempt_number >= (few if needs_network and offline(state) else most),
        wait=lambda state: _wait_s(settings.retry_wait_s * 2.0 ** (state.attempt_number - 1), _fault(state)),
        before_sleep=report,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except TemporaryError as exc:
        if needs_network and exc.offline:
            raise NoConnection(
                f"could not {what}: {exc} (tried {few} times)",
                hint="check the connection to the network and proxies; without a network, use --source "
                "directory:DIR or --source simulated",
            ) from exc
        raise SourceError(
            f"could not {what}: {exc} (tried {settings.attempts} times)",
            hint="the service or the connection has a fault; run the same command again later",
        ) from exc


def _fault(state: RetryCallState) -> TemporaryError | None:
    fault = state.outcome.exception() if state.outcome is not None else None
    return fault if isinstance(fault, TemporaryError) else None


def _wait_s(usual_s: float, fault: TemporaryError | None) -> float:
    """Return the seconds to wait: at least what the server asks for, up to a limit.

    The random part prevents runs that failed together from returning together.
    """
    asked_s = None if fault is None else fault.wait_s
    least_s = 0.5 * usual_s if asked_s is None else min(asked_s, _LONGEST_RETRY_AFTER_S)
    return min(least_s + usual_s * random.random(), 1.5 * _LONGEST_RETRY_AFTER_S)


def raise_if_temporary(response: requests.Response) -> None:
    """Raise TemporaryError for a status that may be temporary."""
    if response.status_code in _TEMPORARY:
        host = urlsplit(response.url).netloc
        raise TemporaryError(f"{host} answered {response.status_code}", wait_s=_retry_after(response))


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that the server asks to wait, which it gives as a number or a date."""
    text = response.headers.get("Retry-After", "")
    if text.isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def short(exc: BaseException) -> str:
    """Return the innermost reason of an error as a short text, without the queries of addresses."""
    inner = exc
    while (reason := _reason(inner)) is not None:
        inner = reason
    text = str(inner).partition("?")[0]
    return f"{type(inner).__name__}: {text.rpartition('): ')[2][:200]}"


def is_offline(exc: BaseException) -> bool:
    """Return whether there was no connection to a server, because its name is not known or it refused."""
    inner: BaseException | None = exc
    while inner is not None:
        if type(inner).__name__ in ("NewConnectionError", "NameResolutionError"):
            return True
        inner = _reason(inner)
    return False


def _reason(exc: BaseException) -> BaseException | None:
    candidates = (getattr(exc, "reason", None), *exc.args)
    return next((each for each in candidates if isinstance(each, BaseException) and each is not exc), None)

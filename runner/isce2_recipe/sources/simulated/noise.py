"""Pseudo-random numbers that depend only on their arguments, not on a state or the order of calls."""

from __future__ import annotations

import hashlib


def hash_integer(*parts: object, bits: int = 63) -> int:
    """Return an integer of ``bits`` bits that depends only on the parts."""
    text = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> (64 - bits)


def hash_uniform(*parts: object) -> float:
    """Return a number in [0, 1) that depends only on the parts."""
    return hash_integer(*parts, bits=53) / float(1 << 53)


def hash_normal(*parts: object) -> float:
    """Return a number of a normal distribution with unit variance that depends only on the parts."""
    # The sum of twelve numbers has variance 1, and is the same to the bit on every machine.
    return sum(hash_uniform(*parts, k) for k in range(12)) - 6.0

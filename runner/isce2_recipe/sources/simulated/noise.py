"""Numbers that look random and are a function of a name: no state, no order, no library's generator."""

from __future__ import annotations

import hashlib


def hash_integer(*parts: object, bits: int = 63) -> int:
    """An integer of so many bits that depends on the parts alone."""
    text = "\x1f".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") >> (64 - bits)


def hash_uniform(*parts: object) -> float:
    """A number in [0, 1) that depends on the parts alone."""
    return hash_integer(*parts, bits=53) / float(1 << 53)

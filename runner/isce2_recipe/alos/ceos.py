"""Records in CEOS format: text, right-justified numbers and big-endian integers at fixed offsets."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping

# (offset, format, value). Formats: "A16" left-justified text; "I4" integer, "F16.7" and "E16.7" real number,
# both right-justified; "B4" and "B2" big-endian integers of 4 and 2 bytes.
Field = tuple[int, str, str | float | int]


def record(
    length: int,
    code: tuple[int, int, int, int],
    fields: Iterable[Field],
    *,
    sequence: int,
    blank: bytes = b" ",
) -> bytes:
    """Return the bytes of a record; ``sequence`` is its number in its file, from 1.

    ``code`` has the first subtype, the type, and the second and third subtype. Offsets of fields count from
    the record's first byte; ``blank`` fills the gaps between them. Raise ValueError if a value does not fit
    its field, or a field its record.
    """
    out = bytearray(blank * length)
    struct.pack_into(">I4BI", out, 0, sequence, *code, length)
    for offset, form, value in fields:
        data = encode(form, value)
        if offset + len(data) > length:
            raise ValueError(f"the field at {offset} exceeds its record of {length} bytes")
        out[offset : offset + len(data)] = data
    return bytes(out)


def encode(form: str, value: str | float | int) -> bytes:
    """Return the bytes of one field; raise ValueError if the value does not fit."""
    kind, size = form[0], form[1:]
    if kind == "B":
        return int(value).to_bytes(int(size), "big", signed=int(value) < 0)
    width = int(size.partition(".")[0])
    if kind == "A":
        text = f"{value:<{width}}"
    elif kind == "I":
        text = f"{int(value):{width}d}"
    else:
        text = f"{float(value):{size}{kind}}"
    if len(text) > width:
        raise ValueError(f"{value!r} does not fit {form}")
    return text.encode("ascii")


def decode(data: bytes, offset: int, form: str) -> str | float | int:
    """Return the value of a field; blank numbers are zero.

    Raise ValueError if the record is too short or the field holds no number.
    """
    kind, size = form[0], form[1:]
    width = int(size.partition(".")[0])
    raw = data[offset : offset + width]
    if len(raw) < width:
        raise ValueError(f"the record ends before the field at {offset}")
    if kind == "B":
        return int.from_bytes(raw, "big")
    text = raw.decode("ascii").strip()
    if kind == "A":
        return text
    return (int if kind == "I" else float)(text or "0")


def spread(start: int, forms: Iterable[tuple[str, str | float | int]]) -> list[Field]:
    """Return consecutive fields without gaps, starting at an offset."""
    fields: list[Field] = []
    for form, value in forms:
        fields.append((start, form, value))
        start += int(form[1:].partition(".")[0])
    return fields


def descriptor(document: str, number: int, name: str, counts: Mapping[int, tuple[int, int]]) -> list[Field]:
    """Return the fields at the beginning of the descriptor of a file, the ``number``-th of its volume.

    ``document`` describes the format, and ``counts`` has the number of records of a kind and their length, by
    the offset of the field.
    """
    fields = spread(
        12,
        [
            *(("A2", "A"), ("A2", ""), ("A12", document), ("A2", " A"), ("A2", " A"), ("A12", "1.0")),
            *(("I4", number), ("A16", name)),
            *(("A4", "FSEQ"), ("I8", 1), ("I4", 4)),
            *(("A4", "FTYP"), ("I8", 5), ("I4", 4)),
            *(("A4", "FLGT"), ("I8", 9), ("I4", 4)),
        ],
    )
    for offset, (count, length) in counts.items():
        fields += [(offset, "I6", count), (offset + 6, "I6", length if count else 0)]
    return fields

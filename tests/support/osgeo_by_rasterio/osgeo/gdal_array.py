"""GDAL's numbers for data types."""

from __future__ import annotations

import numpy as np

CODES = {
    "uint8": 1, "uint16": 2, "int16": 3, "uint32": 4, "int32": 5, "float32": 6, "float64": 7,
    "complex64": 10, "complex128": 11, "uint64": 12, "int64": 13, "int8": 14,
}  # fmt: skip
_NAMES = {code: name for name, code in CODES.items()}


def NumericTypeCodeToGDALTypeCode(dtype: object) -> int | None:  # noqa: N802
    return CODES.get(np.dtype(dtype).name)


def GDALTypeCodeToNumericTypeCode(code: int) -> type:  # noqa: N802
    return np.dtype(_NAMES[code]).type

"""A constant."""

GDT_Byte = 1

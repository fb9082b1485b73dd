"""The report of a run: one page with pictures, numbers and the way the product was made."""

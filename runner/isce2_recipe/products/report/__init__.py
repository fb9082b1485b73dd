"""A run on one page: pictures, numbers, and how it was made."""

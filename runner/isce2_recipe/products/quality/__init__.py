"""The quality of a product in numbers, and limits for them."""

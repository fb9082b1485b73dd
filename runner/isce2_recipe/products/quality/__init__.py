"""How good a product is, in numbers, and whether that is good enough."""

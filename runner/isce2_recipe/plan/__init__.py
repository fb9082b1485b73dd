"""From a recipe and its parameters to steps, their order, their content keys and what there is to do."""

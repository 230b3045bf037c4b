"""A bundle: one file with everything that a lab is made of, for machines without a network."""

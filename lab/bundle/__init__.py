"""A bundle: one file with everything that a lab needs, for machines without a network."""

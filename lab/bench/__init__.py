"""`lab bench`: times and memory of the lab, and of the plain way beside it, measured by the real command line."""

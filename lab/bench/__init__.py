"""`lab bench`: times and memory of the lab, compared with the plain way, measured by the real command line."""

"""What is measured, one file per subject; each function returns its figures."""

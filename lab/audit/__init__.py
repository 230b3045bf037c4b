"""Known vulnerabilities of the packages that the locks name."""

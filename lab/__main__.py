"""`python -m lab` is the command line."""

from lab.cli import main

main()

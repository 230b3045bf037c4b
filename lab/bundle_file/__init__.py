"""The file of a bundle: its format, its signature, whether it fits this machine, and where it is unpacked.

Standard library only: bootstrap.py opens a bundle before the lab's environment exists.
"""

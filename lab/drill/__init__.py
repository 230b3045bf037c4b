"""The fault drill: runs of the pipeline while processes are killed and services away, and checks of the result."""

"""The fault drill: runs of the pipeline while things are killed or away, and what must be true afterwards."""

"""One package a pipeline: pipeline.py wires, nodes.py holds pure functions."""

# Tag of nodes that are done once more before a run starts, as they may refuse its inputs.
CHECKED_FIRST = "checked_first"

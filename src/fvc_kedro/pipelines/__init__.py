"""One package a pipeline: pipeline.py wires, nodes.py holds pure functions."""

CHECKED_FIRST = (
    "checked_first"  # tag of nodes that are done once more before a run starts, as they may refuse its inputs
)

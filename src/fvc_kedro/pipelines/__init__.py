"""One package a pipeline: pipeline.py wires, nodes.py holds pure functions."""

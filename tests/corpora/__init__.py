"""Generators of test artifacts: good models, attack payloads, mutations.

No artifact is stored; scripts write them. Attack payloads are assembled from
opcodes (opcodes.py) and never come from running a hostile ``__reduce__``.
"""

"""Tests of the source tree and of what the build made of it."""

"""The daemon and the client are those of the comparisons with one version."""

from differential.conftest import client, daemon

__all__ = ["client", "daemon"]

"""Tests against a real loadlockd, over real sockets, in the real sandbox."""

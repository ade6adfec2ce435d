"""The messages of loadlock.v1; `*_pb2` modules are made when the package is built."""

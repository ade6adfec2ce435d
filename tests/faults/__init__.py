"""Everything that can die, stop or run out, at each stage of a request, in a daemon with fault points."""

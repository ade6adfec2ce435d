"""The parsers against the readers that everybody else uses."""

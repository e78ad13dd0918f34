"""The command line: parse, make one call, show, translate errors once."""

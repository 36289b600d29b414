"""The command line: read the options, call one flow, show the result."""

"""The command line and the Python client: they speak to the gateway over HTTP."""

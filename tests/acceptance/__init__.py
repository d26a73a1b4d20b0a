"""The whole system as its users meet it: over HTTP, every service a process of its own."""

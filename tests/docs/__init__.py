"""The documentation is true: its commands run, its links lead somewhere, its defaults are the code's."""

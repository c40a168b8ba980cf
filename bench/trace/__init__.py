"""The trace: which files of the package one turn goes through, and how often it moves from one to another."""

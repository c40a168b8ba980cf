"""What is measured, and how: each benchmark is one folder, started by `python -m bench NAME`."""

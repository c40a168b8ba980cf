"""The slots of a backend: what they hold, which request gets which, what is saved, restored and read ahead."""

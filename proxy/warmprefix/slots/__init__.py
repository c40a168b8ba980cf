"""The slots of a backend: what they hold, who is sent where, what is saved, restored and read ahead."""

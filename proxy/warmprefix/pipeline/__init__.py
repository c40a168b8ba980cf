"""What happens to a request before it is sent, and to its turn when it has ended. No backend is asked here."""

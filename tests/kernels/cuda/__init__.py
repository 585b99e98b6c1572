"""Arrays on a device, and the host's answers to compare with."""

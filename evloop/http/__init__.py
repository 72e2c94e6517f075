"""What HTTP means, whatever the wire format: values and pure functions."""

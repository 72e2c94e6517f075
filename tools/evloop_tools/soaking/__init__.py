"""The soak test: a load whose every byte is checked, and a server whose memory has limits."""

"""The servers that the benchmark knows, and how each is configured.

Every configuration is one worker process, no logging, and keep-alive without a limit on
requests and with timeouts longer than any measurement; apart from that, what the server
ships with.
"""

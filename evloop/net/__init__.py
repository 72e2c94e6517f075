"""Sockets and the loop that waits for them; no decision about HTTP is taken here."""

"""Certificates: read, chosen by name, renewed while the server runs. No socket is touched here."""

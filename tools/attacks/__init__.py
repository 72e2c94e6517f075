"""Hostile clients, and what a server makes of them."""

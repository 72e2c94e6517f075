"""The settings: one table for the library, the command line and the environment."""

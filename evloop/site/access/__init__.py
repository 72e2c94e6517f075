"""Who may see the site: passwords, how they are checked, and what that may cost."""

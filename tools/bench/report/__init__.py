"""What came out, for people: verdicts on the goals, tables, a page, a plot."""

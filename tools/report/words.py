"""What kinds of memory there are, in words."""


def pages(own: str) -> str:
    """Name what growth is judged on, for people; *own* is a metric of lab.history."""
    return "own (anonymous) pages" if own == "anonymous" else own.upper()


KINDS = {
    "own pages": "made by the server itself; only these can leak",
    "file-backed": "mapped files (code, libraries): the kernel takes them back at need",
    "send queues": "written by the server, not yet acknowledged by its clients; kernel",
    "TCP, machine": "all TCP buffers of this machine, both ends of its connections; kernel",
}
"""The four kinds of memory that a server takes, and what each of them is, in one line."""

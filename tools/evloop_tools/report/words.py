"""What kinds of memory there are, in words."""


def pages(own: str) -> str:
    """Name what growth is judged on, for people; *own* is a metric of lab.history."""
    return "own (anonymous) pages" if own == "anonymous" else own.upper()


KINDS = {
    "own pages": "anonymous: made by the server itself; only these can leak",
    "file-backed": "code, libraries, mapped files: the kernel takes them back",
    "send queues": "kernel: written by the server, not yet taken by its clients",
    "TCP, machine": "kernel: all TCP buffers here, of both ends of connections",
}
"""The four kinds of memory that a server takes, and what each of them is, in one line."""

/* copy PORT FILE [SEND_QUEUE BURST]: every request gets FILE, by read and send of 32 KiB
 * through one buffer.
 */
#include "floor.h"

enum { CHUNK = 32 * 1024 };

static char head[HEAD_BYTES];
static char chunk[CHUNK];
static size_t head_bytes;
static int file;

/* What the socket did not take is read again: no connection owns a buffer. */
static ssize_t push_chunk(int fd, off_t next)
{
    if (next < (off_t)head_bytes)
        return send(fd, head + next, head_bytes - (size_t)next, MSG_MORE);
    ssize_t got = pread(file, chunk, CHUNK, next - (off_t)head_bytes);
    return got > 0 ? send(fd, chunk, (size_t)got, 0) : -1;
}

int main(int argc, char **argv)
{
    off_t size;

    if (argc < 3) return 2;
    take_bounds(argv + 3);
    file = open_file(argv[2], &size);
    head_bytes = write_head(head, size, true);
    serve(atoi(argv[1]), (off_t)head_bytes + size, push_chunk, true);
}

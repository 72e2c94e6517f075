/* sendfile PORT FILE [SEND_QUEUE BURST]: every request gets FILE, moved by the kernel. */
#include "floor.h"

#include <sys/sendfile.h>

enum { WINDOW = 1024 * 1024 };

static char head[HEAD_BYTES];
static size_t head_bytes;
static int file;

static ssize_t push_window(int fd, off_t next)
{
    if (next < (off_t)head_bytes)
        return send(fd, head + next, head_bytes - (size_t)next, MSG_MORE);
    off_t offset = next - (off_t)head_bytes;
    return sendfile(fd, file, &offset, burst && burst < WINDOW ? (size_t)burst : WINDOW);
}

int main(int argc, char **argv)
{
    off_t size;

    if (argc < 3) return 2;
    take_bounds(argv + 3);
    file = open_file(argv[2], &size);
    head_bytes = write_head(head, size, true);
    serve(atoi(argv[1]), (off_t)head_bytes + size, push_window, true);
}

/* respond PORT FILE keep|close: epoll, recv, send of a response that lies in memory.
 *
 * With `close` each connection is accepted, answered once and closed.
 */
#include "floor.h"

static char *response;
static off_t total;

static ssize_t push_memory(int fd, off_t next)
{
    return send(fd, response + next, (size_t)(total - next), 0);
}

int main(int argc, char **argv)
{
    if (argc != 4) return 2;
    int file = open_file(argv[2], &total);
    size_t body = (size_t)total;
    bool keep_alive = strcmp(argv[3], "keep") == 0;

    response = malloc(HEAD_BYTES + body);
    if (response == NULL) fail("malloc");
    size_t head = write_head(response, (long long)body, keep_alive);
    for (size_t got = 0; got < body;) {
        ssize_t more = read(file, response + head + got, body - got);
        if (more <= 0) fail(argv[2]);
        got += (size_t)more;
    }
    close(file);
    total = (off_t)(head + body);
    serve(atoi(argv[1]), total, push_memory, keep_alive);
}

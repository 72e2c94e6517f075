/* What the four floor programs share: one epoll loop, one thread, no parsing, no files to find.
 *
 * A floor is the least work that a server on epoll can do for a row of the benchmark, so that
 * the distance to it says what everything else costs. A request is whatever arrives and ends
 * in CR LF CR LF; the response is always the same one. A program gives `push`, which moves the
 * next bytes of the response from offset `next` and returns how many, or -1 with errno set.
 */
#ifndef FLOOR_H
#define FLOOR_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

typedef ssize_t (*push_function)(int fd, off_t next);

enum { EVENTS = 512, REQUEST_BYTES = 16 * 1024, HEAD_BYTES = 512, BACKLOG = 4096 };

/* By descriptor: the offset of the next byte to send, or -1 while waiting for a request. */
static off_t *position;
/* Bytes that may wait unsent in a socket, and that one turn moves; 0: as many as there are. */
static int send_queue;
static off_t burst;
static char request[REQUEST_BYTES];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static size_t write_head(char *head, long long body_bytes, bool keep_alive)
{
    return (size_t)snprintf(head, HEAD_BYTES,
                            "HTTP/1.1 200 OK\r\n"
                            "Server: floor\r\n"
                            "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                            "Content-Type: text/html; charset=utf-8\r\n"
                            "Content-Length: %lld\r\n"
                            "Last-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                            "ETag: \"0123456789abcdef\"\r\n"
                            "%s\r\n",
                            body_bytes, keep_alive ? "" : "Connection: close\r\n");
}

static int open_file(const char *path, off_t *size)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0 || fstat(file, &status) < 0) fail(path);
    *size = status.st_size;
    return file;
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), yes = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(listener, BACKLOG) < 0) fail("listen");
    return listener;
}

static void watch(int poll, int operation, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    if (epoll_ctl(poll, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void accept_all(int poll, int listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        if (send_queue)
            setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &send_queue, sizeof send_queue);
        position[fd] = -1;
        watch(poll, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

/* True when the whole response has left. */
static bool push_all(int poll, int fd, off_t total, push_function push, bool was_waiting)
{
    off_t stop = burst ? position[fd] + burst : total;

    while (position[fd] < total) {
        bool is_over = position[fd] >= stop;
        ssize_t sent = is_over ? -1 : push(fd, position[fd]);

        if (sent >= 0) {
            position[fd] += sent;
        } else if (is_over || errno == EAGAIN) {
            if (!was_waiting) watch(poll, EPOLL_CTL_MOD, fd, EPOLLOUT);
            return false;
        } else {
            close(fd);
            return false;
        }
    }
    position[fd] = -1;
    return true;
}

static void turn(int poll, int fd, off_t total, push_function push, bool keep_alive)
{
    bool was_waiting = position[fd] >= 0;

    if (!was_waiting) {
        ssize_t got = recv(fd, request, sizeof request, 0);

        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            close(fd);
            return;
        }
        if (got < 4 || memcmp(request + got - 4, "\r\n\r\n", 4) != 0) return;
        position[fd] = 0;
    }
    if (!push_all(poll, fd, total, push, was_waiting)) return;
    if (!keep_alive)
        close(fd);
    else if (was_waiting)
        watch(poll, EPOLL_CTL_MOD, fd, EPOLLIN);
}

/* The arguments behind those of the program, if there are any: SEND_QUEUE BURST. */
static inline void take_bounds(char **arguments)
{
    if (arguments[0] == NULL || arguments[1] == NULL) return;
    send_queue = atoi(arguments[0]);
    burst = atoll(arguments[1]);
}

static void serve(int port, off_t total, push_function push, bool keep_alive)
{
    struct epoll_event events[EVENTS];
    struct rlimit descriptors;
    int listener = listen_on(port), poll = epoll_create1(EPOLL_CLOEXEC);

    signal(SIGPIPE, SIG_IGN);
    getrlimit(RLIMIT_NOFILE, &descriptors);
    position = calloc(descriptors.rlim_cur, sizeof *position);
    if (poll < 0 || position == NULL) fail("start");
    watch(poll, EPOLL_CTL_ADD, listener, EPOLLIN);
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);

        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener)
                accept_all(poll, listener);
            else
                turn(poll, events[i].data.fd, total, push, keep_alive);
        }
    }
}

#endif

/* The life of a reader: connect, ask, be live, be cut, come back. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { TAKE = 1 << 20, MOST_SAID = 4096, SOURCES = 16 };

struct reader *readers;
int reader_count, live_count, under_way;
struct spread handshakes;

static int poll;
static uint8_t taken[TAKE];

void readers_start(int epoll)
{
    poll = epoll;
    readers = calloc(MOST_READERS, sizeof *readers);
    if (!readers)
        exit(1);
}

static void complain(const char *what, const char *detail)
{
    static int said;
    if (said++ < 5)
        fprintf(stderr, "%s: %.300s\n", what, detail);
}

/* The kernel has 28,000 ports for each pair of addresses: readers come from several. */
static void choose_source(int fd, int number)
{
    int one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(number % SOURCES));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source))
        complain("bind", strerror(errno));
}

void reader_connect(struct reader *reader)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)plan.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        complain("socket", strerror(errno));
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    choose_source(fd, (int)(reader - readers));
    hearing_begin(fd);
    reader->fd = fd;
    reader->state = CONNECTING;
    reader->wants = true;
    reader->began = now();
    under_way++;
    if (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        complain("connect", strerror(errno));
        reader_drop(reader, false);
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = reader};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

/* Ends the connection with a reset, so that no port of ours waits for its end. */
void reader_drop(struct reader *reader, bool by_us)
{
    struct linger at_once = {.l_onoff = 1};
    if (reader->state == AWAY)
        return;
    if (reader->state == LIVE)
        live_count--;
    else
        under_way--;
    if (by_us)
        tally_cut();
    else
        tally_lost();
    setsockopt(reader->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(reader->fd);
    free(reader->rest);
    reader->rest = NULL;
    reader->rest_size = 0;
    reader->state = AWAY;
}

static void send_all(struct reader *reader, const void *bytes, size_t size)
{
    if (send(reader->fd, bytes, size, MSG_NOSIGNAL) != (ssize_t)size) {
        complain("send", strerror(errno));
        reader_drop(reader, false);
    }
}

/* One frame, masked as a client's must be, with a mask that changes nothing. */
void reader_say(struct reader *reader, int opcode, const void *text, size_t size)
{
    uint8_t frame[MOST_SAID + 8] = {(uint8_t)(0x80 | opcode)};
    size_t head = 2;
    if (size > MOST_SAID)
        return;
    if (size < 126) {
        frame[1] = (uint8_t)(0x80 | size);
    } else {
        frame[1] = 0x80 | 126;
        frame[2] = (uint8_t)(size >> 8);
        frame[3] = (uint8_t)size;
        head = 4;
    }
    memcpy(frame + head + 4, text, size);
    send_all(reader, frame, head + 4 + size);
}

void reader_live(struct reader *reader, uint64_t at)
{
    reader->state = LIVE;
    reader->spoken = at;
    under_way--;
    live_count++;
    spread_add(&handshakes, at - reader->began);
}

static void connected(struct reader *reader)
{
    char request[2048];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(reader->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        complain("connect", strerror(error));
        reader_drop(reader, false);
        return;
    }
    reader->state = SHAKING;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
    epoll_ctl(poll, EPOLL_CTL_MOD, reader->fd, &event);
    send_all(reader, request, wire_request(request, sizeof request, reader));
}

/* The head of the answer. Gives back how many bytes it has. */
static size_t answered(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at)
{
    char text[MOST_SAID];
    uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    const char *wanted = plan.stream ? "HTTP/1.1 200" : "HTTP/1.1 101";
    if (memcmp(bytes, wanted, 12)) {
        complain("The server refused", (char *)bytes);
        reader_drop(reader, false);
        return size;
    }
    reader->state = ASKED;
    const char *say = *reader->cursor && plan.resume ? plan.resume : plan.say;
    if (say && !plan.stream)
        reader_say(reader, 1, text, wire_fill(text, sizeof text, say, reader));
    if (!plan.ready && reader->state == ASKED)
        reader_live(reader, at);
    return (size_t)(end + 4 - bytes);
}

static void keep(struct reader *reader, const uint8_t *bytes, size_t size)
{
    free(reader->rest);
    reader->rest = size ? malloc(size) : NULL;
    reader->rest_size = (uint32_t)size;
    if (size && !reader->rest)
        exit(1);
    if (size)
        memcpy(reader->rest, bytes, size);
}

static void readable(struct reader *reader)
{
    size_t before = reader->rest_size, used = 0;
    if (before)
        memcpy(taken, reader->rest, before);
    uint64_t at;
    ssize_t came = hearing_take(reader->fd, taken + before, TAKE - before, &at);
    if (came < 0 && errno == EAGAIN)
        return;
    if (came <= 0) {
        complain("The server closed a connection", came ? strerror(errno) : "in order");
        reader_drop(reader, false);
        return;
    }
    tally_read();
    size_t size = before + (size_t)came;
    if (reader->state == LIVE)
        tally_silence(reader, at);
    reader->spoken = at;
    if (reader->state == SHAKING)
        used = answered(reader, taken, size, at);
    if (reader->state >= ASKED)
        used += (plan.stream ? wire_lines : wire_frames)(reader, taken + used, size - used, at);
    if (reader->state != AWAY && (before || size - used))
        keep(reader, taken + used, size - used);
}

/* Takes what has come to any of them, and waits for it at most so long. */
void readers_turn(int milliseconds)
{
    struct epoll_event events[512];
    int count = epoll_wait(poll, events, 512, milliseconds);
    for (int index = 0; index < count; index++) {
        struct reader *reader = events[index].data.ptr;
        if (!reader)
            continue; /* a command: main.c looks for itself */
        if (reader->state == CONNECTING)
            connected(reader);
        else if (reader->state != AWAY)
            readable(reader);
    }
}

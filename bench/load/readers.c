/* The states of a reader: connecting, handshaking, subscribing, live, cut and back again. */
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

enum { READ_BYTES = 1 << 20, MAX_FRAME_BYTES = 4096, SOURCE_ADDRESSES = 16 };

struct reader *readers;
int reader_count, live_count, connecting_count;
struct histogram handshakes;

static int poll;
static uint8_t read_buffer[READ_BYTES];

void readers_start(int epoll)
{
    poll = epoll;
    readers = calloc(MAX_READERS, sizeof *readers);
    if (!readers)
        exit(1);
}

static void log_error(const char *what, const char *detail)
{
    static int said;
    if (said++ < 5)
        fprintf(stderr, "%s: %.300s\n", what, detail);
}

/* Binds to one of several loopback addresses: the kernel has 28,000 ports for each pair of addresses. */
static void bind_source(int fd, int number)
{
    int one = 1;
    struct sockaddr_in source = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(number % SOURCE_ADDRESSES));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&source, sizeof source))
        log_error("bind", strerror(errno));
}

void reader_connect(struct reader *reader)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)plan.port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0) {
        log_error("socket", strerror(errno));
        exit(1);
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    bind_source(fd, (int)(reader - readers));
    receive_prepare(fd);
    reader->fd = fd;
    reader->state = CONNECTING;
    reader->wanted = true;
    reader->began = now();
    connecting_count++;
    if (connect(fd, (struct sockaddr *)&server, sizeof server) && errno != EINPROGRESS) {
        log_error("connect", strerror(errno));
        reader_drop(reader, false);
        return;
    }
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = reader};
    epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
}

/* Ends the connection with a reset, so that its port is not kept in TIME_WAIT. */
void reader_drop(struct reader *reader, bool by_us)
{
    struct linger at_once = {.l_onoff = 1};
    if (reader->state == AWAY)
        return;
    if (reader->state == LIVE)
        live_count--;
    else
        connecting_count--;
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
        log_error("send", strerror(errno));
        reader_drop(reader, false);
    }
}

/* Sends one frame, masked as a client's must be (RFC 6455, 5.3), with a mask of zeros. */
void reader_send(struct reader *reader, int opcode, const void *text, size_t size)
{
    uint8_t frame[MAX_FRAME_BYTES + 8] = {(uint8_t)(0x80 | opcode)};
    size_t head = 2;
    if (size > MAX_FRAME_BYTES)
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
    reader->last_heard = at;
    connecting_count--;
    live_count++;
    histogram_add(&handshakes, at - reader->began);
}

static void send_request(struct reader *reader)
{
    char request[2048];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(reader->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error) {
        log_error("connect", strerror(error));
        reader_drop(reader, false);
        return;
    }
    reader->state = HANDSHAKING;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = reader};
    epoll_ctl(poll, EPOLL_CTL_MOD, reader->fd, &event);
    send_all(reader, request, wire_request(request, sizeof request, reader));
}

/* Checks the head of the response; returns its length, 0 while it is incomplete. */
static size_t read_response_head(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at)
{
    char text[MAX_FRAME_BYTES];
    uint8_t *end = memmem(bytes, size, "\r\n\r\n", 4);
    if (!end)
        return 0;
    const char *wanted = plan.stream ? "HTTP/1.1 200" : "HTTP/1.1 101";
    if (memcmp(bytes, wanted, 12)) {
        log_error("The server refused", (char *)bytes);
        reader_drop(reader, false);
        return size;
    }
    reader->state = SUBSCRIBING;
    const char *say = *reader->cursor && plan.resume ? plan.resume : plan.say;
    if (say && !plan.stream)
        reader_send(reader, 1, text, wire_fill(text, sizeof text, say, reader));
    if (!plan.ready && reader->state == SUBSCRIBING)
        reader_live(reader, at);
    return (size_t)(end + 4 - bytes);
}

static void keep_rest(struct reader *reader, const uint8_t *bytes, size_t size)
{
    free(reader->rest);
    reader->rest = size ? malloc(size) : NULL;
    reader->rest_size = (uint32_t)size;
    if (size && !reader->rest)
        exit(1);
    if (size)
        memcpy(reader->rest, bytes, size);
}

static void read_socket(struct reader *reader)
{
    size_t before = reader->rest_size, used = 0;
    if (before)
        memcpy(read_buffer, reader->rest, before);
    uint64_t at;
    ssize_t came = receive(reader->fd, read_buffer + before, READ_BYTES - before, &at);
    if (came < 0 && errno == EAGAIN)
        return;
    if (came <= 0) {
        log_error("The server closed a connection", came ? strerror(errno) : "in order");
        reader_drop(reader, false);
        return;
    }
    tally_read();
    size_t size = before + (size_t)came;
    if (reader->state == LIVE)
        tally_silence(reader, at);
    reader->last_heard = at;
    if (reader->state == HANDSHAKING)
        used = read_response_head(reader, read_buffer, size, at);
    if (reader->state >= SUBSCRIBING)
        used += (plan.stream ? wire_lines : wire_frames)(reader, read_buffer + used, size - used, at);
    if (reader->state != AWAY && (before || size - used))
        keep_rest(reader, read_buffer + used, size - used);
}

/* Reads what has arrived for any reader, waiting for it at most this long. */
void readers_step(int milliseconds)
{
    struct epoll_event events[512];
    int count = epoll_wait(poll, events, 512, milliseconds);
    for (int index = 0; index < count; index++) {
        struct reader *reader = events[index].data.ptr;
        if (!reader)
            continue; /* standard input: main.c reads it */
        if (reader->state == CONNECTING)
            send_request(reader);
        else if (reader->state != AWAY)
            read_socket(reader);
    }
}

/* The floor: the least that the kernel asks of a server that writes to each reader. One loop, one send() per reader.
 *
 * usage: floor PORT      GET: the upgrade to a WebSocket (a fixed answer); POST: its body goes to all sockets.
 * It checks nothing, buffers nothing and listens on 127.0.0.1 only: a lower bound, not a server. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_SOCKETS = 65536, MAX_REQUEST_BYTES = 2048 };

static const char upgraded[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

static struct {
    int place; /* index in `sockets`; -1 before the upgrade */
    size_t size;
    char *text;
} peers[MAX_SOCKETS];
static int sockets[MAX_SOCKETS], count, poll;

static void fan_out(const char *body, size_t size)
{
    static char frame[MAX_REQUEST_BYTES + 4];
    size_t head = size < 126 ? 2 : 4;
    frame[0] = (char)0x81;
    frame[1] = (char)(size < 126 ? size : 126);
    if (head == 4)
        frame[2] = (char)(size >> 8), frame[3] = (char)size;
    memcpy(frame + head, body, size);
    for (int index = 0; index < count; index++)
        send(sockets[index], frame, head + size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void accept_all(int listening)
{
    int fd, one = 1;
    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MAX_SOCKETS || (!peers[fd].text && !(peers[fd].text = malloc(MAX_REQUEST_BYTES)))) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        peers[fd].place = -1;
        peers[fd].size = 0;
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
    }
}

static void disconnect(int fd)
{
    if (peers[fd].place >= 0) {
        int last = sockets[--count];
        sockets[peers[fd].place] = last;
        peers[last].place = peers[fd].place;
    }
    close(fd);
}

/* Handles one request if it is complete; returns its length, 0 if it is not. */
static size_t request(int fd, char *text, size_t size)
{
    char *head = memmem(text, size, "\r\n\r\n", 4), *length;
    if (!head)
        return 0;
    head += 4;
    if (!memcmp(text, "GET ", 4)) {
        send(fd, upgraded, sizeof upgraded - 1, MSG_NOSIGNAL);
        peers[fd].place = count;
        sockets[count++] = fd;
        return size;
    }
    length = strcasestr(text, "content-length:");
    size_t body = length ? strtoul(length + 15, NULL, 10) : 0;
    if (body > MAX_REQUEST_BYTES || (size_t)(text + size - head) < body)
        return 0;
    send(fd, accepted, sizeof accepted - 1, MSG_NOSIGNAL);
    fan_out(head, body);
    return (size_t)(head - text) + body;
}

static void read_socket(int fd)
{
    char *text = peers[fd].text;
    ssize_t came = recv(fd, text + peers[fd].size, MAX_REQUEST_BYTES - 1 - peers[fd].size, 0);
    if (came < 0 && errno == EAGAIN)
        return;
    if (came <= 0) {
        disconnect(fd);
        return;
    }
    if (peers[fd].place >= 0)
        return; /* frames of readers are ignored */
    peers[fd].size += (size_t)came;
    for (size_t used; (text[peers[fd].size] = 0, used = request(fd, text, peers[fd].size));) {
        peers[fd].size -= used;
        memmove(text, text + used, peers[fd].size);
    }
}

int main(int words, char **word)
{
    int one = 1, listening = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct rlimit descriptors;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(words > 1 ? atoi(word[1]) : 0))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listening, (struct sockaddr *)&address, sizeof address) || listen(listening, 4096)) {
        perror("floor");
        return 1;
    }
    poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening}, events[512];
    epoll_ctl(poll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, 512, -1);
        for (int index = 0; index < ready; index++)
            events[index].data.fd == listening ? accept_all(listening) : read_socket(events[index].data.fd);
    }
}

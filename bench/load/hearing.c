/* How a reader takes what came for it. In the world every reader has a machine of its own; here all of them are one
 * process, which shares a core with others. What that changes is kept off the server's account, whichever it is. */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "load.h"

static uint64_t nanoseconds(const struct timespec *time)
{
    return (uint64_t)time->tv_sec * 1000000000ull + (uint64_t)time->tv_nsec;
}

uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return nanoseconds(&time);
}

/* The kernel notes when bytes come, by the clock of the day. */
void hearing_begin(int fd)
{
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
}

/* When the newest of the bytes came to the reader's socket, by the clock of all times here. */
static uint64_t came_at(struct msghdr *message)
{
    struct timespec noted, day;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SO_TIMESTAMPNS)
            continue;
        memcpy(&noted, CMSG_DATA(each), sizeof noted);
        clock_gettime(CLOCK_REALTIME, &day);
        uint64_t at = now(), since = nanoseconds(&day) - nanoseconds(&noted);
        return since < at ? at - since : at;
    }
    return now();
}

/* As recv(), and when it came: not when this process had its turn.
 *
 * What was read is acknowledged at once. Linux does so by itself where data come often; after a silence of its least
 * timeout, 200 ms, it acknowledges in the sender's call, which then costs half as much again. Five events a second lie
 * on that very edge. So what comes next is acknowledged later, which is when it was read. */
ssize_t hearing_take(int fd, void *into, size_t room, uint64_t *at)
{
    static const int at_once = 1, later = 0;
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } notes;
    struct iovec place = {.iov_base = into, .iov_len = room};
    struct msghdr message = {.msg_iov = &place, .msg_iovlen = 1, .msg_control = &notes, .msg_controllen = sizeof notes};
    ssize_t came = recvmsg(fd, &message, 0);
    if (came <= 0)
        return came;
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &at_once, sizeof at_once);
    setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &later, sizeof later);
    *at = came_at(&message);
    return came;
}

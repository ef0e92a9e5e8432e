/* How a reader receives. In production every reader has a machine of its own; here all of them are one process, which
 * shares a core with others. These functions keep that from being charged to the measured server. */
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

/* Asks the kernel to note when bytes arrive, by CLOCK_REALTIME. */
void receive_prepare(int fd)
{
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
}

/* When the newest of the bytes arrived at the reader's socket, by CLOCK_MONOTONIC. */
static uint64_t arrival_time(struct msghdr *message)
{
    struct timespec arrived, day;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SO_TIMESTAMPNS)
            continue;
        memcpy(&arrived, CMSG_DATA(each), sizeof arrived);
        clock_gettime(CLOCK_REALTIME, &day);
        uint64_t at = now(), since = nanoseconds(&day) - nanoseconds(&arrived);
        return since < at ? at - since : at;
    }
    return now();
}

/* As recv(); `at` is when the bytes arrived, not when this process was scheduled to read them.
 *
 * What was read is acknowledged at once. Linux does so by itself where data arrive often; after a silence of its
 * shortest timeout, 200 ms, it acknowledges within the sender's call, which then costs half as much again. Five events
 * a second lie on that threshold. So acknowledging is delayed until the bytes are read, and then done at once. */
ssize_t receive(int fd, void *into, size_t room, uint64_t *at)
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
    *at = arrival_time(&message);
    return came;
}

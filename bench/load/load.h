/* The load generator: many readers of one server, in one process on one core, by epoll. See main.c. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MAX_READERS = 60000, MAX_EVENTS = 200000, MAX_CURSOR_BYTES = 48 };

enum state {
    AWAY,        /* has no socket */
    CONNECTING,  /* waits for TCP */
    HANDSHAKING, /* waits for the response to its request */
    SUBSCRIBING, /* waits for the frame that confirms its subscription */
    LIVE
};

struct reader {
    int fd;
    enum state state;
    bool wanted;         /* false while it waits to be reconnected by the churn */
    uint32_t highest;    /* event number received so far */
    uint32_t received;   /* distinct events */
    uint64_t began;      /* when it connected, or was cut: nanoseconds of CLOCK_MONOTONIC, as all times here */
    uint64_t last_heard; /* when bytes of the server last arrived */
    char cursor[MAX_CURSOR_BYTES]; /* the last position that it received */
    uint8_t *rest;       /* the first bytes of a frame whose end has not arrived */
    uint32_t rest_size;
};

/* The options of the command line; in texts %p is replaced by the reader's cursor and %i by its number. */
struct plan {
    int port;
    const char *path;
    bool stream;         /* Server-Sent Events instead of WebSocket frames */
    const char *say;     /* first frame that a new reader sends, if any */
    const char *resume;  /* first frame of a reader who comes back; `say` if it is not given */
    const char *ready;   /* beginning of the frame at which a reader is live; without it the response is enough */
    const char *ask;     /* a frame of the server that is answered ... */
    const char *reply;   /* ... by this one */
    bool cursors;        /* remember the position of each event */
};

struct histogram {
    uint64_t buckets[64 * 64];
    uint64_t count;
    uint64_t max;
};

extern struct plan plan;
extern struct reader *readers;
extern int reader_count;     /* readers so far, in any state */
extern int live_count;       /* readers that are LIVE */
extern int connecting_count; /* readers between AWAY and LIVE */
extern struct histogram handshakes;

/* receive.c: bytes, and when they arrived */
uint64_t now(void);
void receive_prepare(int fd);
ssize_t receive(int fd, void *into, size_t room, uint64_t *at);

/* readers.c: the life of a connection */
void readers_start(int epoll);
void readers_step(int milliseconds);
void reader_connect(struct reader *reader);
void reader_drop(struct reader *reader, bool by_us);
void reader_send(struct reader *reader, int opcode, const void *text, size_t size);
void reader_live(struct reader *reader, uint64_t at);

/* wire.c: the bytes of a connection; each function returns how many it wrote or used */
size_t wire_request(char *into, size_t room, const struct reader *reader);
size_t wire_fill(char *into, size_t room, const char *text, const struct reader *reader);
size_t wire_frames(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at);
size_t wire_lines(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at);

/* tally.c: counts of what arrived */
void tally_expect(uint32_t events);
void tally_limit(uint32_t events);
bool tally_complete(void);
uint64_t tally_last_arrival(void);
void tally_message(struct reader *reader, const uint8_t *text, size_t size, uint64_t at);
void tally_read(void);
void tally_silence(struct reader *reader, uint64_t at);
void tally_lost(void);
void tally_cut(void);
void tally_close(unsigned code);
void tally_report(void);
void tally_arrivals(void);

/* histogram.c: a histogram of microseconds */
void histogram_add(struct histogram *histogram, uint64_t nanoseconds);
double histogram_quantile(const struct histogram *histogram, double share);
void histogram_print(const char *name, const struct histogram *histogram);

#endif

/* The load generator: many readers of one server, on one core, by epoll. See main.c. */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { MOST_READERS = 60000, MOST_EVENTS = 200000, CURSOR = 48 };

enum state {
    AWAY,       /* no socket */
    CONNECTING, /* waits for TCP */
    SHAKING,    /* waits for the answer to its request */
    ASKED,      /* waits for the frame that says it is live */
    LIVE
};

struct reader {
    int fd;
    enum state state;
    bool wants;          /* to be live: a reader who was let go although it wants is counted */
    uint32_t highest;    /* sequence number heard so far */
    uint32_t heard;      /* different ones */
    uint64_t began;      /* its connection; nanoseconds, as all times here (CLOCK_MONOTONIC) */
    uint64_t spoken;     /* when the server last said something */
    char cursor[CURSOR]; /* the last position it was told */
    uint8_t *rest;       /* the beginning of a frame whose end has not come */
    uint32_t rest_size;
};

/* What the command line says; words are sent as they are, but for %p (cursor) and %i (number of the reader). */
struct plan {
    int port;
    const char *path;
    bool stream;         /* Server-Sent Events instead of WebSocket frames */
    const char *say;     /* first frame of a new reader, if any */
    const char *resume;  /* first frame of one who comes back; `say` where there is none */
    const char *ready;   /* a reader is live at the frame that begins so; at the answer's head where empty */
    const char *ask;     /* a frame that is answered ... */
    const char *reply;   /* ... by this one */
    bool cursors;        /* keep the positions */
};

struct spread {
    uint64_t buckets[64 * 64];
    uint64_t count;
    uint64_t most;
};

extern struct plan plan;
extern struct reader *readers;
extern int reader_count; /* made so far, whatever their state */
extern int live_count;   /* of them LIVE */
extern int under_way;    /* of them between AWAY and LIVE */
extern struct spread handshakes;

/* hearing.c: what came, and when */
uint64_t now(void);
void hearing_begin(int fd);
ssize_t hearing_take(int fd, void *into, size_t room, uint64_t *at);

/* readers.c: the life of a connection */
void readers_start(int epoll);
void readers_turn(int milliseconds);
void reader_connect(struct reader *reader);
void reader_drop(struct reader *reader, bool by_us);
void reader_say(struct reader *reader, int opcode, const void *text, size_t size);
void reader_live(struct reader *reader, uint64_t at);

/* wire.c: the bytes of a connection; each gives back how many it has used */
size_t wire_request(char *into, size_t room, const struct reader *reader);
size_t wire_fill(char *into, size_t room, const char *text, const struct reader *reader);
size_t wire_frames(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at);
size_t wire_lines(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at);

/* tally.c: what came */
void tally_expect(uint32_t events);
void tally_until(uint32_t events);
bool tally_complete(void);
uint64_t tally_last_came(void);
void tally_text(struct reader *reader, const uint8_t *text, size_t size, uint64_t at);
void tally_read(void);
void tally_silence(struct reader *reader, uint64_t at);
void tally_lost(void);
void tally_cut(void);
void tally_close(unsigned code);
void tally_report(void);
void tally_lasts(void);

/* spread.c: a histogram of microseconds */
void spread_add(struct spread *spread, uint64_t nanoseconds);
double spread_at(const struct spread *spread, double share);
void spread_print(const char *name, const struct spread *spread);

#endif

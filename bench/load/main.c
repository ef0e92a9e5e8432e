/* The load generator: a crowd of readers of one server on this machine, who check what they hear.
 *
 * usage: load --port PORT [--path PATH] [--stream] [--say TEXT] [--resume TEXT] [--ready BEGINNING]
 *             [--ask TEXT --reply TEXT] [--cursors] [--seconds MOST]
 *
 * Readers come from 127.0.0.2 and the following to 127.0.0.1; no other address can be named. It does what it is
 * told on standard input, a command a line, and answers each with a line of JSON:
 *
 *   open N AT_ONCE SECONDS   more readers, until there are N; AT_ONCE of them under way
 *   expect N                 from now on each is to hear the events 1 to N, once and in order
 *   until N                  N of them after all
 *   wait SECONDS GRACE       until all have; or so long; or as long as nothing comes
 *   report                   what came until now
 *   lasts                    when each event had come to the last reader
 *   cut                      cuts all
 *   back AT_ONCE SECONDS     brings all back, and waits until each has heard what it missed
 *   churn PER_SECOND AWAY    from now on cuts some at random; brings back who is gone after so many milliseconds
 *
 * It ends at the end of its input, or after MOST seconds. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "load.h"

struct plan plan = {.path = "/"};

static struct {
    double per_second;
    uint64_t away; /* nanoseconds */
    uint64_t next;
    uint64_t due; /* the next look for those who are gone: not at each turn, of which there are thousands a second */
    int look; /* where the search for those who are gone goes on */
} churn;

static uint64_t after(double seconds)
{
    return now() + (uint64_t)(seconds * 1e9);
}

/* Some are cut, some come back. The time of its end stands in `began` of a reader who is away. */
static void churn_turn(void)
{
    uint64_t at = now();
    if (at < churn.due)
        return;
    churn.due = at + 5000000;
    while (churn.per_second > 0 && at >= churn.next) {
        struct reader *reader = readers + random() % reader_count;
        if (reader->state == LIVE)
            reader_drop(reader, true);
        churn.next += (uint64_t)(1e9 / churn.per_second);
    }
    for (int step = 0; churn.away && step < reader_count / 20 + 1; step++) {
        struct reader *reader = readers + churn.look;
        churn.look = (churn.look + 1) % reader_count;
        if (reader->state != AWAY)
            continue;
        if (!reader->wants && at >= reader->began + churn.away)
            reader_connect(reader);
        else if (reader->wants)
            reader->wants = false, reader->began = at;
    }
}

static void turn(int milliseconds)
{
    readers_turn(churn.away ? 5 : milliseconds);
    if (churn.away)
        churn_turn();
}

static void open_until(int count, int at_once, double seconds)
{
    uint64_t from = now(), limit = after(seconds);
    int before = reader_count;
    memset(&handshakes, 0, sizeof handshakes);
    while ((reader_count < count || under_way) && now() < limit) {
        while (reader_count < count && under_way < at_once)
            reader_connect(readers + reader_count++);
        turn(20);
    }
    double took = (double)(now() - from) / 1e9;
    printf("{\"asked\":%d,\"live\":%d,\"seconds\":%.4f,\"rate\":%.1f,", count, live_count, took,
           (reader_count - before) / took);
    spread_print("handshake", &handshakes);
    printf("}\n");
}

static void wait_for_all(double seconds, double grace)
{
    uint64_t limit = after(seconds), quiet = after(grace);
    while (!tally_complete() && now() < limit) {
        uint64_t last = tally_last_came();
        if (now() > quiet && now() > last + (uint64_t)(grace * 1e9))
            break;
        turn(20);
    }
    tally_report();
}

static void cut_all(void)
{
    for (int index = 0; index < reader_count; index++)
        reader_drop(readers + index, true);
    printf("{\"live\":%d}\n", live_count);
}

static void bring_back(int at_once, double seconds)
{
    uint64_t from = now(), limit = after(seconds), live = 0;
    int next = 0;
    memset(&handshakes, 0, sizeof handshakes);
    while (now() < limit && (next < reader_count || under_way || !tally_complete())) {
        while (next < reader_count && under_way < at_once)
            reader_connect(readers + next++);
        turn(20);
        if (!live && next == reader_count && !under_way)
            live = now();
        if (live && now() > live + 3000000000ull && now() > tally_last_came() + 3000000000ull)
            break;
    }
    uint64_t last = tally_last_came() > from ? tally_last_came() : live;
    printf("{\"back\":%d,\"live_seconds\":%.4f,\"whole_seconds\":%.4f,", live_count,
           live ? (double)(live - from) / 1e9 : -1.0, last ? (double)(last - from) / 1e9 : -1.0);
    spread_print("handshake", &handshakes);
    printf("}\n");
}

static void obey(const char *line)
{
    double first = 0, second = 0, third = 0;
    char word[16] = "";
    sscanf(line, "%15s %lf %lf %lf", word, &first, &second, &third);
    if (!strcmp(word, "open") && first <= MOST_READERS)
        open_until((int)first, (int)second, third);
    else if (!strcmp(word, "expect") && first <= MOST_EVENTS)
        tally_expect((uint32_t)first), printf("{}\n");
    else if (!strcmp(word, "until"))
        tally_until((uint32_t)first), printf("{}\n");
    else if (!strcmp(word, "wait"))
        wait_for_all(first, second);
    else if (!strcmp(word, "report"))
        tally_report();
    else if (!strcmp(word, "lasts"))
        tally_lasts();
    else if (!strcmp(word, "cut"))
        cut_all();
    else if (!strcmp(word, "back"))
        bring_back((int)first, second);
    else if (!strcmp(word, "churn"))
        churn.per_second = first, churn.away = (uint64_t)(second * 1e6), churn.next = now(), printf("{}\n");
    else
        printf("{\"error\":\"not a command, or too much\"}\n");
    fflush(stdout);
}

/* A line at a time; between them the readers go on. */
static void serve(void)
{
    char text[1024];
    size_t size = 0;
    for (;;) {
        char *end = memchr(text, '\n', size);
        if (end) {
            *end = 0;
            obey(text);
            size -= (size_t)(end + 1 - text);
            memmove(text, end + 1, size);
            continue;
        }
        turn(50);
        fd_set ready;
        struct timeval at_once = {0};
        FD_ZERO(&ready);
        FD_SET(0, &ready);
        if (select(1, &ready, NULL, NULL, &at_once) > 0) {
            ssize_t came = read(0, text + size, sizeof text - size);
            if (came <= 0)
                return;
            size += (size_t)came;
        }
    }
}

static void read_options(int count, char **words)
{
    static const struct option options[] = {
        {"port", 1, NULL, 'p'},   {"path", 1, NULL, 'u'},  {"stream", 0, NULL, 'e'}, {"say", 1, NULL, 's'},
        {"resume", 1, NULL, 'r'}, {"ready", 1, NULL, 'y'}, {"ask", 1, NULL, 'a'},    {"reply", 1, NULL, 'b'},
        {"cursors", 0, NULL, 'c'}, {"seconds", 1, NULL, 't'}, {0},
    };
    unsigned seconds = 1200;
    int option;
    while ((option = getopt_long(count, words, "", options, NULL)) != -1) {
        switch (option) {
        case 'p': plan.port = atoi(optarg); break;
        case 'u': plan.path = optarg; break;
        case 'e': plan.stream = true; break;
        case 's': plan.say = optarg; break;
        case 'r': plan.resume = optarg; break;
        case 'y': plan.ready = optarg; break;
        case 'a': plan.ask = optarg; break;
        case 'b': plan.reply = optarg; break;
        case 'c': plan.cursors = true; break;
        case 't': seconds = (unsigned)atoi(optarg); break;
        default: exit(2);
        }
    }
    if (plan.port <= 0 || plan.port > 65535 || (plan.ask && !plan.reply)) {
        fprintf(stderr, "usage: see the head of main.c\n");
        exit(2);
    }
    alarm(seconds);
}

int main(int count, char **words)
{
    struct rlimit descriptors;
    read_options(count, words);
    getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event command = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &command);
    readers_start(epoll);
    serve();
    return 0;
}

/* The load generator: many readers of one server on this machine, which check every event that they receive.
 *
 * usage: load --port PORT [--path PATH] [--stream] [--say TEXT] [--resume TEXT] [--ready BEGINNING]
 *             [--ask TEXT --reply TEXT] [--cursors] [--seconds LIFETIME]
 *
 * Readers connect from 127.0.0.2 and the following addresses to 127.0.0.1; no other server can be named. Standard input
 * has one command per line, each answered by one line of JSON on standard output:
 *
 *   connect N AT_ONCE SECONDS    connects readers until there are N, at most AT_ONCE of them in a handshake
 *   expect N                     resets all counts; each reader is to receive the events 1 to N, once and in order
 *   limit N                      only the events 1 to N are expected yet
 *   wait SECONDS GRACE           waits until all have arrived, at most SECONDS, or until none arrives for GRACE seconds
 *   report                       prints the counts
 *   arrivals                     prints when each event arrived at its last reader
 *   cut                          cuts all readers
 *   reconnect AT_ONCE SECONDS    reconnects all, and waits until each has what it missed
 *   churn PER_SECOND AWAY        from now on cuts readers at random, and reconnects each after AWAY milliseconds
 *
 * It ends at the end of its input, or after LIFETIME seconds. */
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
    uint64_t due; /* the next search for readers that are away: there are thousands of steps a second */
    int search;   /* index of the reader at which the search continues */
} churn;

static uint64_t after(double seconds)
{
    return now() + (uint64_t)(seconds * 1e9);
}

/* Cuts some readers and reconnects others. `began` of a reader that is away is the time at which it was cut. */
static void churn_step(void)
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
        struct reader *reader = readers + churn.search;
        churn.search = (churn.search + 1) % reader_count;
        if (reader->state != AWAY)
            continue;
        if (!reader->wanted && at >= reader->began + churn.away)
            reader_connect(reader);
        else if (reader->wanted)
            reader->wanted = false, reader->began = at;
    }
}

static void step(int milliseconds)
{
    readers_step(churn.away ? 5 : milliseconds);
    if (churn.away)
        churn_step();
}

static void connect_until(int count, int at_once, double seconds)
{
    uint64_t from = now(), limit = after(seconds);
    int before = reader_count;
    memset(&handshakes, 0, sizeof handshakes);
    while ((reader_count < count || connecting_count) && now() < limit) {
        while (reader_count < count && connecting_count < at_once)
            reader_connect(readers + reader_count++);
        step(20);
    }
    double took = (double)(now() - from) / 1e9;
    printf("{\"asked\":%d,\"live\":%d,\"seconds\":%.4f,\"rate\":%.1f,", count, live_count, took,
           (reader_count - before) / took);
    histogram_print("handshake", &handshakes);
    printf("}\n");
}

static void wait_for_all(double seconds, double grace)
{
    uint64_t limit = after(seconds), quiet = after(grace);
    while (!tally_complete() && now() < limit) {
        uint64_t last = tally_last_arrival();
        if (now() > quiet && now() > last + (uint64_t)(grace * 1e9))
            break;
        step(20);
    }
    tally_report();
}

static void cut_all(void)
{
    for (int index = 0; index < reader_count; index++)
        reader_drop(readers + index, true);
    printf("{\"live\":%d}\n", live_count);
}

static void reconnect_all(int at_once, double seconds)
{
    uint64_t from = now(), limit = after(seconds), live = 0;
    int next = 0;
    memset(&handshakes, 0, sizeof handshakes);
    while (now() < limit && (next < reader_count || connecting_count || !tally_complete())) {
        while (next < reader_count && connecting_count < at_once)
            reader_connect(readers + next++);
        step(20);
        if (!live && next == reader_count && !connecting_count)
            live = now();
        if (live && now() > live + 3000000000ull && now() > tally_last_arrival() + 3000000000ull)
            break;
    }
    uint64_t last = tally_last_arrival() > from ? tally_last_arrival() : live;
    printf("{\"live\":%d,\"live_seconds\":%.4f,\"complete_seconds\":%.4f,", live_count,
           live ? (double)(live - from) / 1e9 : -1.0, last ? (double)(last - from) / 1e9 : -1.0);
    histogram_print("handshake", &handshakes);
    printf("}\n");
}

static void run_command(const char *line)
{
    double first = 0, second = 0, third = 0;
    char word[16] = "";
    sscanf(line, "%15s %lf %lf %lf", word, &first, &second, &third);
    if (!strcmp(word, "connect") && first <= MAX_READERS)
        connect_until((int)first, (int)second, third);
    else if (!strcmp(word, "expect") && first <= MAX_EVENTS)
        tally_expect((uint32_t)first), printf("{}\n");
    else if (!strcmp(word, "limit"))
        tally_limit((uint32_t)first), printf("{}\n");
    else if (!strcmp(word, "wait"))
        wait_for_all(first, second);
    else if (!strcmp(word, "report"))
        tally_report();
    else if (!strcmp(word, "arrivals"))
        tally_arrivals();
    else if (!strcmp(word, "cut"))
        cut_all();
    else if (!strcmp(word, "reconnect"))
        reconnect_all((int)first, second);
    else if (!strcmp(word, "churn"))
        churn.per_second = first, churn.away = (uint64_t)(second * 1e6), churn.next = now(), printf("{}\n");
    else
        printf("{\"error\":\"not a command, or a number beyond its limit\"}\n");
    fflush(stdout);
}

/* Runs the commands of standard input; between them the readers continue. */
static void serve(void)
{
    char text[1024];
    size_t size = 0;
    for (;;) {
        char *end = memchr(text, '\n', size);
        if (end) {
            *end = 0;
            run_command(text);
            size -= (size_t)(end + 1 - text);
            memmove(text, end + 1, size);
            continue;
        }
        step(50);
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

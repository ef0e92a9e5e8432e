/* Counts deliveries: each event to each reader once and in order, and how late. An event carries ~number~created~. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { MAX_CLOSE_CODE = 5000 };

/* Counts since the last `expect`. */
static struct {
    uint64_t deliveries; /* the first arrivals of an event at a reader */
    uint64_t duplicates, out_of_order, unexpected, resets, errors, lost, cuts;
    uint64_t reads;      /* calls of recv() that returned bytes */
    uint64_t first_arrival, last_arrival;
    uint64_t silence;    /* the longest time in which nothing arrived at a live reader */
    struct histogram delays;
    unsigned closes[MAX_CLOSE_CODE];
} tally;

static uint32_t room, expected, complete; /* `complete`: readers that have every expected event */
static uint64_t *seen; /* `words` for each reader, a bit for each event */
static size_t words;
static uint64_t *created, *arrivals; /* by event: when it was created, when it arrived at the last reader */

static void *zeros(size_t count, size_t size)
{
    void *made = calloc(count, size);
    if (!made) {
        fprintf(stderr, "There is not enough memory to count %zu things.\n", count);
        exit(1);
    }
    return made;
}

/* Resets all counts: every reader is to receive the events 1 to `events`. */
void tally_expect(uint32_t events)
{
    free(seen), free(created), free(arrivals);
    room = events;
    words = room / 64 + 1;
    seen = zeros((size_t)reader_count * words, sizeof *seen);
    created = zeros(room + 1, sizeof *created);
    arrivals = zeros(room + 1, sizeof *arrivals);
    memset(&tally, 0, sizeof tally);
    for (int index = 0; index < reader_count; index++) {
        readers[index].highest = readers[index].received = 0;
        readers[index].last_heard = now();
    }
    tally_limit(events);
}

/* Lowers or restores the number of expected events, up to that of tally_expect(). */
void tally_limit(uint32_t events)
{
    expected = events < room ? events : room;
    complete = 0;
    for (int index = 0; index < reader_count; index++)
        complete += readers[index].received >= expected;
}

bool tally_complete(void)
{
    return complete == (uint32_t)reader_count;
}

uint64_t tally_last_arrival(void)
{
    return tally.last_arrival;
}

static void count_delivery(struct reader *reader, uint32_t number, uint64_t stamp, uint64_t at)
{
    if (number == 0 || number > room) {
        tally.unexpected++;
        return;
    }
    uint64_t *word = seen + (size_t)(reader - readers) * words + number / 64, bit = 1ull << number % 64;
    if (*word & bit) {
        tally.duplicates++;
        return;
    }
    *word |= bit;
    if (number < reader->highest)
        tally.out_of_order++;
    else
        reader->highest = number;
    if (++reader->received == expected)
        complete++;
    tally.deliveries++;
    histogram_add(&tally.delays, at > stamp ? at - stamp : 0);
    if (!tally.first_arrival || at < tally.first_arrival)
        tally.first_arrival = at;
    arrivals[number] = at > arrivals[number] ? at : arrivals[number];
    tally.last_arrival = at > tally.last_arrival ? at : tally.last_arrival;
    created[number] = stamp;
}

static bool parse_number(const uint8_t **text, const uint8_t *end, uint64_t *value)
{
    const uint8_t *from = *text;
    for (*value = 0; *text < end && **text >= '0' && **text <= '9'; ++*text)
        *value = *value * 10 + (uint64_t)(**text - '0');
    return *text > from && *text < end && *(*text)++ == '~';
}

static bool starts_with(const uint8_t *text, size_t size, const char *with)
{
    size_t length = strlen(with);
    return size >= length && !memcmp(text, with, length);
}

void tally_message(struct reader *reader, const uint8_t *text, size_t size, uint64_t at)
{
    static size_t usual = 1; /* where the mark was in the previous event: those of one run look alike */
    const uint8_t *end = text + size, *mark;
    /* a mark begins a JSON string: the quotation mark tells its first tilde from its second */
    bool is_usual = usual < size && text[usual] == '~' && text[usual - 1] == '"';
    mark = !room ? NULL : is_usual ? text + usual : memchr(text, '~', size);
    if (mark) {
        uint64_t number, stamp;
        usual = mark > text ? (size_t)(mark - text) : 1;
        mark++;
        if (parse_number(&mark, end, &number) && parse_number(&mark, end, &stamp))
            count_delivery(reader, (uint32_t)number, stamp, at);
        else
            tally.unexpected++;
    } else if (starts_with(text, size, "{\"type\":\"reset\"")) {
        tally.resets++;
    } else if (starts_with(text, size, "{\"type\":\"error\"")) {
        tally.errors++;
    }
}

void tally_read(void)
{
    tally.reads++;
}

/* Records how long a live reader has received nothing. */
void tally_silence(struct reader *reader, uint64_t at)
{
    if (at > reader->last_heard && at - reader->last_heard > tally.silence)
        tally.silence = at - reader->last_heard;
}

void tally_lost(void)
{
    tally.lost++;
}

void tally_cut(void)
{
    tally.cuts++;
}

void tally_close(unsigned code)
{
    if (code < MAX_CLOSE_CODE)
        tally.closes[code]++;
}

static void print_closes(void)
{
    const char *comma = "";
    printf("\"closes\":{");
    for (int code = 0; code < MAX_CLOSE_CODE; code++) {
        if (tally.closes[code])
            printf("%s\"%d\":%u", comma, code, tally.closes[code]), comma = ",";
    }
    printf("}");
}

static uint64_t missing_count(void)
{
    uint64_t missing = 0;
    for (int index = 0; index < reader_count; index++)
        missing += readers[index].received < expected ? expected - readers[index].received : 0;
    return missing;
}

/* Prints one line of JSON: delays in milliseconds, durations in seconds. */
void tally_report(void)
{
    static struct histogram last;
    memset(&last, 0, sizeof last);
    for (uint32_t number = 1; number <= expected && number <= room; number++) {
        if (arrivals[number])
            histogram_add(&last, arrivals[number] - created[number]);
    }
    for (int index = 0; index < reader_count; index++) {
        if (readers[index].state == LIVE)
            tally_silence(readers + index, now());
    }
    printf("{\"readers\":%d,\"live\":%d,\"events\":%u,\"deliveries\":%lu,\"missing\":%lu,\"duplicates\":%lu,"
           "\"out_of_order\":%lu,\"unexpected\":%lu,\"resets\":%lu,\"errors\":%lu,\"lost\":%lu,\"cuts\":%lu,"
           "\"reads\":%lu,\"complete\":%u,",
           reader_count, live_count, expected, tally.deliveries, missing_count(), tally.duplicates, tally.out_of_order,
           tally.unexpected, tally.resets, tally.errors, tally.lost, tally.cuts, tally.reads, complete);
    printf("\"seconds\":%.6f,\"silence\":%.3f,", (double)(tally.last_arrival - tally.first_arrival) / 1e9,
           (double)tally.silence / 1e9);
    histogram_print("delay", &tally.delays);
    printf(",");
    histogram_print("last", &last);
    printf(",");
    print_closes();
    printf("}\n");
}

/* Prints when each event arrived at its last reader, in nanoseconds. */
void tally_arrivals(void)
{
    printf("{\"arrivals\":[");
    for (uint32_t number = 1; number <= expected && number <= room; number++)
        printf("%s%lu", number > 1 ? "," : "", arrivals[number]);
    printf("]}\n");
}

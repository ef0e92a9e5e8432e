/* What came: of each event to each reader once, in order, and how late. An event carries ~number~nanoseconds~. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

enum { CODES = 5000 };

/* What happened since the last `expect`. */
static struct {
    uint64_t deliveries; /* the first of an event to a reader */
    uint64_t twice, disordered, strange, resets, errors, lost, cuts;
    uint64_t reads;      /* calls of recv() that brought something */
    uint64_t first_came, last_came, first_stamp;
    uint64_t silence;    /* the longest that a live reader heard nothing at all */
    struct spread delays;
    unsigned closes[CODES];
} tally;

static uint32_t room, expected, whole; /* `whole`: readers who heard all that is expected */
static uint64_t *seen;                 /* `words` for each reader, a bit for each event */
static size_t words;
static uint64_t *stamps, *lasts;       /* by event: when it was made, when the last reader heard it */

static void *zeros(size_t count, size_t size)
{
    void *made = calloc(count, size);
    if (!made) {
        fprintf(stderr, "There is not enough memory to count %zu things.\n", count);
        exit(1);
    }
    return made;
}

/* Begins anew: every reader is to hear the events 1 to `events`. */
void tally_expect(uint32_t events)
{
    free(seen), free(stamps), free(lasts);
    room = events;
    words = room / 64 + 1;
    seen = zeros((size_t)reader_count * words, sizeof *seen);
    stamps = zeros(room + 1, sizeof *stamps);
    lasts = zeros(room + 1, sizeof *lasts);
    memset(&tally, 0, sizeof tally);
    for (int index = 0; index < reader_count; index++) {
        readers[index].highest = readers[index].heard = 0;
        readers[index].spoken = now();
    }
    tally_until(events);
}

/* The last event that is expected, now that it is known; at most as many as began. */
void tally_until(uint32_t events)
{
    expected = events < room ? events : room;
    whole = 0;
    for (int index = 0; index < reader_count; index++)
        whole += readers[index].heard >= expected;
}

bool tally_complete(void)
{
    return whole == (uint32_t)reader_count;
}

uint64_t tally_last_came(void)
{
    return tally.last_came;
}

static void delivered(struct reader *reader, uint32_t number, uint64_t stamp, uint64_t at)
{
    if (number == 0 || number > room) {
        tally.strange++;
        return;
    }
    uint64_t *word = seen + (size_t)(reader - readers) * words + number / 64, bit = 1ull << number % 64;
    if (*word & bit) {
        tally.twice++;
        return;
    }
    *word |= bit;
    if (number < reader->highest)
        tally.disordered++;
    else
        reader->highest = number;
    if (++reader->heard == expected)
        whole++;
    tally.deliveries++;
    spread_add(&tally.delays, at > stamp ? at - stamp : 0);
    if (!tally.first_came || at < tally.first_came)
        tally.first_came = at;
    if (!tally.first_stamp || stamp < tally.first_stamp)
        tally.first_stamp = stamp;
    lasts[number] = at > lasts[number] ? at : lasts[number];
    tally.last_came = at > tally.last_came ? at : tally.last_came;
    stamps[number] = stamp;
}

static bool number_at(const uint8_t **text, const uint8_t *end, uint64_t *value)
{
    const uint8_t *from = *text;
    for (*value = 0; *text < end && **text >= '0' && **text <= '9'; ++*text)
        *value = *value * 10 + (uint64_t)(**text - '0');
    return *text > from && *text < end && *(*text)++ == '~';
}

static bool begins(const uint8_t *text, size_t size, const char *with)
{
    size_t length = strlen(with);
    return size >= length && !memcmp(text, with, length);
}

void tally_text(struct reader *reader, const uint8_t *text, size_t size, uint64_t at)
{
    static size_t usual = 1; /* where the mark stood last time: events of one run look alike */
    const uint8_t *end = text + size, *mark;
    /* it begins a string: the quotation mark tells its first tilde from its second */
    mark = !room ? NULL : usual < size && text[usual] == '~' && text[usual - 1] == '"' ? text + usual : memchr(text, '~', size);
    if (mark) {
        uint64_t number, stamp;
        usual = mark > text ? (size_t)(mark - text) : 1;
        mark++;
        if (number_at(&mark, end, &number) && number_at(&mark, end, &stamp))
            delivered(reader, (uint32_t)number, stamp, at);
        else
            tally.strange++;
    } else if (begins(text, size, "{\"type\":\"reset\"")) {
        tally.resets++;
    } else if (begins(text, size, "{\"type\":\"error\"")) {
        tally.errors++;
    }
}

void tally_read(void)
{
    tally.reads++;
}

/* A live reader hears something again, or is asked how long it has not. */
void tally_silence(struct reader *reader, uint64_t at)
{
    if (at > reader->spoken && at - reader->spoken > tally.silence)
        tally.silence = at - reader->spoken;
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
    if (code < CODES)
        tally.closes[code]++;
}

static void print_closes(void)
{
    const char *comma = "";
    printf("\"closes\":{");
    for (int code = 0; code < CODES; code++) {
        if (tally.closes[code])
            printf("%s\"%d\":%u", comma, code, tally.closes[code]), comma = ",";
    }
    printf("}");
}

static uint64_t short_by(void)
{
    uint64_t missing = 0;
    for (int index = 0; index < reader_count; index++)
        missing += readers[index].heard < expected ? expected - readers[index].heard : 0;
    return missing;
}

/* One line of JSON: milliseconds for what is late, seconds for what lasts. */
void tally_report(void)
{
    static struct spread last;
    memset(&last, 0, sizeof last);
    for (uint32_t number = 1; number <= expected && number <= room; number++) {
        if (lasts[number])
            spread_add(&last, lasts[number] - stamps[number]);
    }
    for (int index = 0; index < reader_count; index++) {
        if (readers[index].state == LIVE)
            tally_silence(readers + index, now());
    }
    printf("{\"readers\":%d,\"live\":%d,\"events\":%u,\"deliveries\":%lu,\"missing\":%lu,\"twice\":%lu,"
           "\"disordered\":%lu,\"strange\":%lu,\"resets\":%lu,\"errors\":%lu,\"lost\":%lu,\"cuts\":%lu,\"reads\":%lu,\"whole\":%u,",
           reader_count, live_count, expected, tally.deliveries, short_by(), tally.twice, tally.disordered,
           tally.strange, tally.resets, tally.errors, tally.lost, tally.cuts, tally.reads, whole);
    printf("\"seconds\":%.6f,\"silence\":%.3f,", (double)(tally.last_came - tally.first_came) / 1e9,
           (double)tally.silence / 1e9);
    spread_print("delay", &tally.delays);
    printf(",");
    spread_print("last", &last);
    printf(",");
    print_closes();
    printf("}\n");
}

/* When the last reader heard each event, in nanoseconds. */
void tally_lasts(void)
{
    printf("{\"lasts\":[");
    for (uint32_t number = 1; number <= expected && number <= room; number++)
        printf("%s%lu", number > 1 ? "," : "", lasts[number]);
    printf("]}\n");
}

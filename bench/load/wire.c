/* WebSocket frames (RFC 6455) and Server-Sent Events, as far as the readers need them. */
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "load.h"

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* Writes the text with %p and %i replaced. */
size_t wire_fill(char *into, size_t room, const char *text, const struct reader *reader)
{
    size_t used = 0;
    for (; *text && used + MAX_CURSOR_BYTES + 1 < room; text++) {
        if (text[0] == '%' && text[1] == 'p')
            used += (size_t)sprintf(into + used, "%s", reader->cursor), text++;
        else if (text[0] == '%' && text[1] == 'i')
            used += (size_t)sprintf(into + used, "%d", (int)(reader - readers)), text++;
        else
            into[used++] = *text;
    }
    into[used] = 0;
    return used;
}

size_t wire_request(char *into, size_t room, const struct reader *reader)
{
    char path[512];
    wire_fill(path, sizeof path, plan.path, reader);
    const char *form = plan.stream
        ? "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: text/event-stream\r\n\r\n"
        : "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nOrigin: http://127.0.0.1:%d\r\nUpgrade: websocket\r\n"
          "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    return (size_t)snprintf(into, room, form, path, plan.port, plan.port);
}

static bool starts_with(const uint8_t *text, size_t size, const char *with)
{
    size_t length = strlen(with);
    return size >= length && !memcmp(text, with, length);
}

/* Remembers the position of a frame, which is near its beginning in every event. */
static void keep_cursor(struct reader *reader, const uint8_t *text, size_t size)
{
    static const char member[] = "\"position\":\"";
    const uint8_t *found = memmem(text, size, member, sizeof member - 1);
    if (!found)
        return;
    found += sizeof member - 1;
    size_t room = (size_t)(text + size - found);
    const uint8_t *end = memchr(found, '"', room < MAX_CURSOR_BYTES ? room : MAX_CURSOR_BYTES - 1);
    if (!end)
        return;
    memcpy(reader->cursor, found, (size_t)(end - found));
    reader->cursor[end - found] = 0;
}

static void take_message(struct reader *reader, const uint8_t *text, size_t size, uint64_t at)
{
    if (plan.ask && size == strlen(plan.ask) && starts_with(text, size, plan.ask)) {
        reader_send(reader, TEXT, plan.reply, strlen(plan.reply));
        return;
    }
    if (reader->state == SUBSCRIBING && plan.ready && starts_with(text, size, plan.ready))
        reader_live(reader, at);
    tally_message(reader, text, size, at);
    if (plan.cursors)
        keep_cursor(reader, text, size);
}

static void take_frame(struct reader *reader, int opcode, uint8_t *body, size_t size, uint64_t at)
{
    if (opcode == TEXT || opcode == BINARY) {
        take_message(reader, body, size, at);
    } else if (opcode == PING) {
        reader_send(reader, PONG, body, size);
    } else if (opcode == CLOSE) {
        tally_close(size >= 2 ? (unsigned)(body[0] << 8 | body[1]) : 1005);
        reader_drop(reader, false);
    }
}

/* Takes the complete frames. Servers do not mask, and none of the measured ones fragments. */
size_t wire_frames(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at)
{
    size_t used = 0;
    while (size - used >= 2) {
        uint8_t *frame = bytes + used;
        size_t length = frame[1] & 127, head = 2;
        if (length == 126) {
            if (size - used < 4)
                break;
            length = (size_t)(frame[2] << 8 | frame[3]);
            head = 4;
        } else if (length == 127) {
            if (size - used < 10)
                break;
            length = 0;
            for (int index = 2; index < 10; index++)
                length = length << 8 | frame[index];
            head = 10;
        }
        if (size - used - head < length || size - used < head)
            break;
        used += head + length;
        take_frame(reader, frame[0] & 15, frame + head, length, at);
        if (reader->state == AWAY)
            break;
    }
    return used;
}

/* Takes the complete lines; those with the length of an HTTP chunk carry no mark and are ignored. */
size_t wire_lines(struct reader *reader, uint8_t *bytes, size_t size, uint64_t at)
{
    size_t used = 0;
    uint8_t *end;
    while (reader->state != AWAY && (end = memchr(bytes + used, '\n', size - used))) {
        take_message(reader, bytes + used, (size_t)(end - (bytes + used)), at);
        used = (size_t)(end - bytes) + 1;
    }
    return used;
}

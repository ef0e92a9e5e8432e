/* A histogram with 64 steps for each doubling: within 1.6 % of the truth from a microsecond to hours. */
#include <stdio.h>

#include "load.h"

enum { STEPS = 64, SHIFT = 6 };

static int bucket(uint64_t value)
{
    if (value < STEPS)
        return (int)value;
    int high = 63 - __builtin_clzll(value);
    return (high - SHIFT + 1) * STEPS + (int)((value >> (high - SHIFT)) & (STEPS - 1));
}

static double middle(int index)
{
    if (index < STEPS)
        return index;
    int high = index / STEPS + SHIFT - 1;
    uint64_t step = 1ull << (high - SHIFT);
    return (double)((STEPS + (uint64_t)(index % STEPS)) * step) + (double)step / 2;
}

void spread_add(struct spread *spread, uint64_t nanoseconds)
{
    uint64_t value = nanoseconds / 1000;
    spread->buckets[bucket(value)]++;
    spread->count++;
    if (value > spread->most)
        spread->most = value;
}

double spread_at(const struct spread *spread, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)spread->count), passed = 0;
    for (int index = 0; index < 64 * 64; index++) {
        passed += spread->buckets[index];
        if (passed > wanted)
            return middle(index);
    }
    return (double)spread->most;
}

void spread_print(const char *name, const struct spread *spread)
{
    printf("\"%s\":{\"p50\":%.3f,\"p99\":%.3f,\"most\":%.3f}", name, spread_at(spread, 0.5) / 1000,
           spread_at(spread, 0.99) / 1000, (double)spread->most / 1000);
}

/* A histogram with 64 buckets for each doubling: within 1.6 % of each value from a microsecond to hours. */
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

/* The middle of a bucket, in microseconds. */
static double middle(int index)
{
    if (index < STEPS)
        return index;
    int high = index / STEPS + SHIFT - 1;
    uint64_t step = 1ull << (high - SHIFT);
    return (double)((STEPS + (uint64_t)(index % STEPS)) * step) + (double)step / 2;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
    uint64_t value = nanoseconds / 1000;
    histogram->buckets[bucket(value)]++;
    histogram->count++;
    if (value > histogram->max)
        histogram->max = value;
}

double histogram_quantile(const struct histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)(share * (double)histogram->count), passed = 0;
    for (int index = 0; index < 64 * 64; index++) {
        passed += histogram->buckets[index];
        if (passed > wanted)
            return middle(index);
    }
    return (double)histogram->max;
}

void histogram_print(const char *name, const struct histogram *histogram)
{
    printf("\"%s\":{\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}", name, histogram_quantile(histogram, 0.5) / 1000,
           histogram_quantile(histogram, 0.99) / 1000, (double)histogram->max / 1000);
}

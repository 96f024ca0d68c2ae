#include <stdlib.h>

static void swap(char *a, char *b, size_t size) {
  for (; size > 0; size--, a++, b++) {
    char t = *a;
    *a = *b;
    *b = t;
  }
}

/* Heap sort: no recursion, no extra memory, n log n whatever the order. Not stable, like any qsort. */
static void sift_down(char *base, size_t root, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  for (;;) {
    size_t child = 2 * root + 1;
    if (child >= count) return;
    if (child + 1 < count && compare(base + child * size, base + (child + 1) * size) < 0) child++;
    if (compare(base + root * size, base + child * size) >= 0) return;
    swap(base + root * size, base + child * size, size);
    root = child;
  }
}

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *)) {
  for (size_t root = count / 2; root > 0; root--) sift_down(base, root - 1, count, size, compare);
  for (size_t last = count; last > 1; last--) {
    swap(base, (char *)base + (last - 1) * size, size);
    sift_down(base, 0, last - 1, size, compare);
  }
}

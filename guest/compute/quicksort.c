#include "shim.h"
/* Quicksort of pseudo-random, sorted, reversed and equal numbers, by recursion; of records by a comparison through a pointer. */
#define COUNT 3000
static i32 numbers[COUNT];
static u32 seed = 12345;
static u32 next_random(void) { return seed = seed * 1664525u + 1013904223u; }

static void sort(i32 *a, int low, int high) {
  while (low < high) {
    i32 pivot = a[(low + high) / 2];
    int i = low, j = high;
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (a[j] > pivot) j--;
      if (i <= j) {
        i32 t = a[i];
        a[i++] = a[j];
        a[j--] = t;
      }
    }
    sort(a, low, j);
    low = i;
  }
}

struct record {
  i32 key;
  u8 name[7];
};
typedef int compare(const struct record *, const struct record *);

static int by_key(const struct record *a, const struct record *b) { return a->key < b->key ? -1 : a->key > b->key; }
static int by_name(const struct record *a, const struct record *b) { return memcmp(a->name, b->name, sizeof a->name); }

static void sort_records(struct record *a, int count, compare *order) {
  if (count < 2) return;
  struct record pivot = a[count / 2];
  int i = 0, j = count - 1;
  while (i <= j) {
    while (order(&a[i], &pivot) < 0) i++;
    while (order(&a[j], &pivot) > 0) j--;
    if (i <= j) {
      struct record t = a[i];
      a[i++] = a[j];
      a[j--] = t;
    }
  }
  sort_records(a, j + 1, order);
  sort_records(a + i, count - i, order);
}

static void put_sorted(void) {
  sort(numbers, 0, COUNT - 1);
  u32 sum = 0;
  for (int i = 0; i < COUNT; i++) {
    if (i && numbers[i - 1] > numbers[i]) put_text("unsorted ");
    sum = sum * 31 + (u32)numbers[i];
  }
  put_hex(sum);
  put_text(" ");
}

void program(void) {
  for (int i = 0; i < COUNT; i++) numbers[i] = (i32)next_random();
  put_sorted();
  put_sorted();
  for (int i = 0; i < COUNT; i++) numbers[i] = COUNT - i;
  put_sorted();
  for (int i = 0; i < COUNT; i++) numbers[i] = i & 3;
  put_sorted();
  static struct record records[500];
  for (int i = 0; i < 500; i++) {
    records[i].key = (i32)next_random();
    for (u32 k = 0; k < sizeof records[i].name; k++) records[i].name[k] = (u8)('a' + (next_random() >> 24) % 26);
  }
  sort_records(records, 500, by_name);
  put_hex((u32)records[250].key);
  sort_records(records, 500, by_key);
  put_text(" ");
  put_hex((u32)records[0].key ^ (u32)records[499].key ^ records[250].name[3]);
  end_line();
}

/* Pointer chasing: each load's address is the last one's result, over 1 MiB in an order that no prefetcher knows. */
#include "shim.h"

#define COUNT 16384

struct node {
  struct node *next;
  u32 rest[15];
};

static struct node nodes[COUNT];

u32 work(u32 rounds) {
  /* A full-period generator visits every node once. */
  u32 at = 0;
  for (u32 i = 0; i < COUNT; i++) {
    u32 next = (at * 4093u + 12347u) % COUNT;
    nodes[at].next = &nodes[next];
    at = next;
  }
  struct node *p = nodes;
  for (u32 round = 0; round < rounds; round++)
    for (u32 i = 0; i < COUNT; i++) p = p->next;
  return (u32)(p - nodes) + rounds;
}

#ifndef NETINET_IN_H
#define NETINET_IN_H

#include <sys/socket.h>

#define INADDR_LOOPBACK 0x7f000001u

struct sockaddr_in {
  uint8_t sin_len, sin_family;
  uint16_t sin_port; /* in the network's order, as is the address */
  uint32_t sin_addr;
  char sin_zero[8];
};

#define htonl(x) __builtin_bswap32(x)
#define htons(x) __builtin_bswap16(x)

#endif

/*
 * One source for two worlds: an i386 FreeBSD guest and a 32-bit Linux process. Only how a system call passes its arguments differs.
 * Each program defines `void program(void)` and prints what it computes; the two outputs have to be equal.
 */
#ifndef SHIM_H
#define SHIM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef int i32;
typedef unsigned long long u64;
typedef long long i64;

void program(void);
void put_char(char c);
void put_text(const char *text);
void put_hex(u32 value);
void put_hex64(u64 value);
void put_number(u32 value);
/* All 64 bits, and the value with six decimals. */
void put_double(double value);
/* All 80 bits. */
void put_long_double(long double value);
void end_line(void);
/* The x87 control word: 0x127f is FreeBSD's (53 bits), 0x37f Linux's (64 bits). */
void set_control_word(u16 word);

void *memcpy(void *to, const void *from, u32 size);
void *memset(void *to, int value, u32 size);
void *memmove(void *to, const void *from, u32 size);
int memcmp(const void *a, const void *b, u32 size);

#endif

/* The one interpreter of printf formats. Each piece of text goes to `put`; the result is the whole length. */
#ifndef STDIO_FORMAT_H
#define STDIO_FORMAT_H

#include <stdarg.h>
#include <sys/types.h>

typedef void put_text(void *sink, const char *text, size_t length);

int __format(put_text *put, void *sink, const char *format, va_list args);

#endif

#include "shim.h"
/* Extended precision: sums, products and quotients of long doubles with the 64-bit significand switched on. */
void program(void) {
  set_control_word(0x37f);
  long double sum = 0, product = 1, quotient = 1;
  for (int i = 1; i <= 1000; i++) {
    sum += 1.0L / i;
    product *= 1.0L + 1.0L / (i * (long double)i);
    quotient = quotient / 1.0000001L + (long double)i / 3;
  }
  put_long_double(sum);
  put_text(" ");
  put_long_double(product);
  put_text(" ");
  put_long_double(quotient);
  end_line();
  volatile long double huge = 1e4900L, tiny = 1e-4900L;
  put_long_double(huge * huge);
  put_text(" ");
  put_long_double(tiny * tiny);
  put_text(" ");
  put_long_double(tiny / 1e40L);
  put_text(" ");
  put_long_double((huge * huge) * 0);
  end_line();
  for (u16 control = 0x37f; control <= 0xf7f; control = (u16)(control + 0x400)) {
    set_control_word(control);
    volatile long double third = 1, three = 3;
    long double q = third / three;
    long double root;
    __asm__("fsqrt" : "=t"(root) : "0"(three));
    long double rounded;
    volatile long double value = -2.5L;
    __asm__("frndint" : "=t"(rounded) : "0"(value));
    put_long_double(q);
    put_text(" ");
    put_long_double(root);
    put_text(" ");
    put_long_double(rounded);
    end_line();
  }
}

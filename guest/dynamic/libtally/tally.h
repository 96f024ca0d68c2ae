/* A library whose data and functions need every kind of relocation that our run-time linker knows. */
#ifndef TALLY_H
#define TALLY_H

typedef int (*tally_operation)(int, int);

extern int tally_total;                    /* the program's own copy (R_386_COPY), or by GOT (R_386_GLOB_DAT) */
extern const char *const tally_names[];    /* R_386_RELATIVE */
extern const tally_operation tally_operations[]; /* R_386_32 */

int tally_add(int a, int b);
int tally_xor(int a, int b);
int tally_apply(int operation, int operand); /* R_386_JMP_SLOT in who calls it */
tally_operation tally_far_add(void);         /* tally_add, by how far it is from a word of the library (R_386_PC32) */

#endif

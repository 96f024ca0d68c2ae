/* How commands that judge runs end. `run` ends with the code of its program instead. */

/** Every expectation, every property holds. */
export const EXIT_HOLDS = 0;
/** One does not. */
export const EXIT_FAILED = 1;
/** Bad input. */
export const EXIT_USAGE = 2;
/** coreback itself has failed within a run: check and replay. */
export const EXIT_EMULATOR_BUG = 3;
/** The budget was over before everything had been run: check. */
export const EXIT_BUDGET_OVER = 4;
/** coreback itself has failed, anywhere else (EX_SOFTWARE of sysexits.h). */
export const EXIT_BUG = 70;

/**
 * exp and log from additions, multiplications and divisions alone. Math.exp and Math.log may differ in the last place from one
 * JavaScript engine to the next; sample sizes, intervals and drawn times must not.
 */

const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const SQRT_HALF = Math.SQRT1_2;

/** Natural logarithm, within 2 units in the last place; -Infinity for 0, NaN below. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
  if (x === Number.POSITIVE_INFINITY) return x;
  let mantissa = x;
  let exponent = 0;
  while (mantissa >= 2 * SQRT_HALF) {
    mantissa /= 2;
    exponent++;
  }
  while (mantissa < SQRT_HALF) {
    mantissa *= 2;
    exponent--;
  }
  // log m = 2 artanh s; |s| < 0.172, so 12 terms reach the last place.
  const s = (mantissa - 1) / (mantissa + 1);
  const square = s * s;
  let sum = 0;
  for (let n = 25; n >= 3; n -= 2) sum = (sum + 1 / n) * square;
  return exponent * LN2_HIGH + (2 * s + 2 * s * sum + exponent * LN2_LOW);
}

/** Exponential function, within 2 units in the last place. */
export function exp(x: number): number {
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.133219101941) return 0;
  const power = Math.floor(x / LN2_HIGH + 0.5);
  const r = x - power * LN2_HIGH - power * LN2_LOW;
  let sum = 1;
  for (let n = 16; n >= 1; n--) sum = 1 + (sum * r) / n;
  let scaled = sum;
  for (let n = power; n > 0; n--) scaled *= 2;
  for (let n = power; n < 0; n++) scaled /= 2;
  return scaled;
}

import { C1, PE } from './environment.ts';

// Arithmetic at 53-bit precision to nearest with every exception masked, by the host's doubles: where the result is a zero or well
// inside the range of normal doubles it is the x87's, because both round once to 53 bits (IEEE 754; ECMAScript, Number::add and
// others). The rounding error comes out exactly by the algorithms of Knuth, Veltkamp and Dekker and tells PE and C1.

/** What the last operation raises: 0, PE, or PE | C1. */
export const outcome = { raised: 0 };

const LARGE = 2 ** 900;
const SMALL = 2 ** -900;
const SPLITTER = 2 ** 27 + 1;

/** Well inside the range: neither the result nor what the error is made of overflows or underflows. */
function isMiddling(x: number): boolean {
  const magnitude = Math.abs(x);
  return magnitude < LARGE && magnitude > SMALL;
}

/** `error`: exact result minus `result`. */
function tell(result: number, error: number): void {
  outcome.raised = error === 0 ? 0 : error > 0 === result > 0 ? PE : PE | C1;
}

// All operands are zeros or normal doubles. NaN: these cannot be done here.

export function addDoubles(x: number, y: number): number {
  const sum = x + y;
  if (!isMiddling(sum) && sum !== 0) return Number.NaN;
  const part = sum - x;
  tell(sum, x - (sum - part) + (y - part));
  return sum;
}

/** x * y minus their rounded product. */
function productError(x: number, y: number, product: number): number {
  const cx = SPLITTER * x;
  const cy = SPLITTER * y;
  const xHigh = cx - (cx - x);
  const yHigh = cy - (cy - y);
  const xLow = x - xHigh;
  const yLow = y - yHigh;
  return xLow * yLow - (product - xHigh * yHigh - xLow * yHigh - xHigh * yLow);
}

export function multiplyDoubles(x: number, y: number): number {
  const product = x * y;
  if (x === 0 || y === 0) {
    outcome.raised = 0;
    return product;
  }
  if (!isMiddling(product) || !isMiddling(x) || !isMiddling(y)) return Number.NaN;
  tell(product, productError(x, y, product));
  return product;
}

export function divideDoubles(x: number, y: number): number {
  const quotient = x / y;
  if (y === 0 || !isMiddling(y)) return Number.NaN;
  if (x === 0) {
    outcome.raised = 0;
    return quotient;
  }
  if (!isMiddling(quotient) || !isMiddling(x)) return Number.NaN;
  const back = quotient * y;
  const remainder = x - back - productError(quotient, y, back);
  tell(quotient, y > 0 ? remainder : -remainder);
  return quotient;
}

/** Math.sqrt is "implementation-approximated" in ECMAScript only by the letter: every engine has the machine's correctly rounded one. */
export function rootOfDouble(x: number): number {
  if (x === 0) {
    outcome.raised = 0;
    return x;
  }
  if (x < 0 || !isMiddling(x)) return Number.NaN;
  const root = Math.sqrt(x);
  const square = root * root;
  tell(root, x - square - productError(root, root, square));
  return root;
}

import { describe, expect, it } from 'vitest';
import { FloatEnvironment } from '../../../emu/fpu/environment.ts';
import { Extended, fromPlainDouble } from '../../../emu/fpu/extended.ts';
import {
  arctangent,
  cosine,
  sine,
  tangent,
  twoToXMinusOne,
  yLog2X,
  yLog2XPlusOne,
} from '../../../emu/fpu/transcendental.ts';

/** A decimal number rounded to nearest, as 'se:significand'. */
function extendedOf(text: string): string {
  const [whole, fraction = ''] = text.replace('-', '').split('.');
  const denominator = 10n ** BigInt(fraction.length);
  const numerator = BigInt(whole + fraction);
  let exponent = 0;
  const scaled = (): bigint =>
    exponent >= 0 ? (numerator << BigInt(exponent)) / denominator : numerator / (denominator << BigInt(-exponent));
  while (scaled() >> 65n === 0n) exponent++;
  while (scaled() >> 66n !== 0n) exponent--;
  // Two bits more than needed; decimals have more digits than that.
  const rounded = (scaled() + 2n) >> 2n;
  const se = 0x3fff + 63 - (exponent - 2);
  return `${(se | (text.startsWith('-') ? 0x8000 : 0)).toString(16)}:${rounded.toString(16)}`;
}

function show(x: Extended): string {
  const significand = (BigInt(x.hi >>> 0) << 32n) | BigInt(x.lo >>> 0);
  return `${x.se.toString(16)}:${significand.toString(16)}`;
}

function of(value: number): Extended {
  const x = new Extended();
  fromPlainDouble(value, x);
  return x;
}

type Unary = (env: FloatEnvironment, x: Extended, out: Extended) => void;
type Binary = (env: FloatEnvironment, y: Extended, x: Extended, out: Extended) => void;

// Digits from tables of mathematical constants.
const LN_2 = '0.693147180559945309417232121458176568075500134360255';

describe('transcendental functions', () => {
  it.each([
    ['sin 1', sine, 1, '0.841470984807896506652502321630298999622563060798371'],
    ['cos 1', cosine, 1, '0.540302305868139717400936607442976603732310420617922'],
    ['tan 1', tangent, 1, '1.557407724654902230506974807458360173087250772381520'],
    ['sin -0.5', sine, -0.5, '-0.479425538604203000273287935215571388081803367940601'],
    ['2^0.5 - 1', twoToXMinusOne, 0.5, '0.414213562373095048801688724209698078569671875376948'],
    ['2^-0.5 - 1', twoToXMinusOne, -0.5, '-0.292893218813452475599155637895150960715164062311526'],
  ] as readonly [string, Unary, number, string][])('%s', (_name, compute, x, expected) => {
    const out = new Extended();
    compute(new FloatEnvironment(), of(x), out);
    expect(show(out)).toBe(extendedOf(expected));
  });

  it.each([
    ['atan2(1, 1) = pi/4', arctangent, 1, 1, '0.785398163397448309615660845819875721049292349843776'],
    ['atan2(1, 2)', arctangent, 1, 2, '0.463647609000806116214256231461214402028537054286120'],
    ['atan2(1, -1) = 3 pi/4', arctangent, 1, -1, '2.356194490192344928846982537459627163147877049531329'],
    ['atan2(-0, -1) = -pi', arctangent, -0, -1, '-3.141592653589793238462643383279502884197169399375106'],
    ['log2 10', yLog2X, 1, 10, '3.321928094887362347870319429489390175864831393024581'],
    ['3 log2 0.75', yLog2X, 3, 0.75, '-1.245112497836531455639350838466498174166912130098876'],
    ['-1.5 log2 (1 - 0.5)', yLog2XPlusOne, -1.5, -0.5, '1.500000000000000000000000000000000000000000000000000'],
    ['log2 (1 - 0.75)', yLog2XPlusOne, 1, -0.75, '-2.000000000000000000000000000000000000000000000000000'],
    ['log2 (1 + 0.25)', yLog2XPlusOne, 1, 0.25, '0.321928094887362347870319429489390175864831393024581'],
  ] as readonly [string, Binary, number, number, string][])('%s', (_name, compute, y, x, expected) => {
    const out = new Extended();
    compute(new FloatEnvironment(), of(y), of(x), out);
    expect(show(out)).toBe(extendedOf(expected));
  });

  it('reduce angles by a pi of 66 bits, as the x87 does', () => {
    // The sine of the double nearest pi is the difference, cubed terms being far below: what follows 53 bits of the 66.
    const out = new Extended();
    sine(new FloatEnvironment(), of(Math.PI), out);
    expect(show(out)).toBe(`3fca:${(0x234cn << 50n).toString(16)}`);
  });

  it('take ln 2 to the last of 64 bits', () => {
    // log2(x) of x = e is what 1 / ln 2 is: here by way of 2^x - 1 of a tiny x, which is x ln 2.
    const out = new Extended();
    twoToXMinusOne(new FloatEnvironment(), of(2 ** -100), out);
    expect(show(out).split(':')[1]).toBe(extendedOf(LN_2).split(':')[1]);
  });
});

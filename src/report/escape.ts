/**
 * What a guest wrote (names, paths, output) is hostile until it went through here: the page of a run must show it, never obey it, and a terminal must
 * not be steered by it.
 */

/** C0, DEL, C1, line and paragraph separators, marks and overrides of writing direction, byte order mark, noncharacters. */
const isUnsafe = (code: number): boolean =>
  code < 0x20 ||
  (code >= 0x7f && code <= 0x9f) ||
  code === 0x061c ||
  (code >= 0x200b && code <= 0x200f) ||
  (code >= 0x2028 && code <= 0x202e) ||
  (code >= 0x2060 && code <= 0x206f) ||
  code === 0xfeff ||
  (code & 0xfffe) === 0xfffe;

const isSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdfff;

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/**
 * Text for HTML and XML, in content and in quoted attributes. Control characters become their pictures (ESC: U+241B), since XML has no way
 * to write them; what else is unsafe becomes U+FFFD.
 */
export function escapeMarkup(text: string): string {
  let out = '';
  for (const c of text) {
    const code = c.codePointAt(0)!;
    const entity = ENTITIES[c];
    if (entity !== undefined) out += entity;
    else if (code < 0x20) out += String.fromCharCode(0x2400 + code);
    else if (code === 0x7f) out += '\u2421';
    else out += isUnsafe(code) || isSurrogate(code) ? '\ufffd' : c;
  }
  return out;
}

/** The same for text of several lines: line ends and tabs stay. */
export const escapeMarkupLines = (text: string): string => text.split('\n').map(escapeMarkupTabs).join('\n');
const escapeMarkupTabs = (line: string): string => line.split('\t').map(escapeMarkup).join('\t');

/** Text for a terminal: what could steer it is written `\x1b` or `\u{202e}`; with `ascii`, everything above 0x7E too. */
export function escapeTerminal(text: string, ascii = false): string {
  let out = '';
  for (const c of text) {
    const code = c.codePointAt(0)!;
    if (!isUnsafe(code) && !isSurrogate(code) && !(ascii && code > 0x7e)) out += c;
    else out += code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  }
  return out;
}

/** At most `max` characters, the last an ellipsis when cut. */
export const clipped = (text: string, max: number): string =>
  text.length <= max ? text : `${text.slice(0, max - 1)}…`;

/** Text in the character sets of PS3.5 annexes H, I and J, whose examples these are, and in what writers make of them. */
import { describe, expect, it } from 'vitest';
import { decodeText, encodingOf } from './text.ts';

/** `ESC` stands for the escape byte, two hexadecimal digits in angle brackets for any other. */
const bytes = (text: string): Uint8Array =>
  Uint8Array.from(
    text
      .replaceAll('ESC', '\x1b')
      .replace(/<([0-9a-f ]+)>/g, (_, hex: string) =>
        String.fromCharCode(...hex.split(' ').map((b) => parseInt(b, 16))),
      ),
    (c) => c.charCodeAt(0),
  );

describe('person names', () => {
  it.each([
    ['ISO_IR 100', '<c4>neas^R<fc>diger', 'Äneas^Rüdiger'],
    ['ISO_IR 144', '<bb ee da>ce<dc d1>yp<d3>', 'Люкceмбypг'],
    ['ISO_IR 192', 'Wang^XiaoDong=<e7 8e 8b>^<e5 b0 8f>', 'Wang^XiaoDong=王^小'],
    ['GB18030', 'Wang^XiaoDong=<cd f5>^<d0 a1 b6 ab>', 'Wang^XiaoDong=王^小东'],
    [
      '\\ISO 2022 IR 87',
      'Yamada^Tarou=ESC$B;3EDESC(B^ESC$BB@O:ESC(B=ESC$B$d$^$@ESC(B^ESC$B$?$m$&ESC(B',
      'Yamada^Tarou=山田^太郎=やまだ^たろう',
    ],
    [
      'ISO 2022 IR 13\\ISO 2022 IR 87',
      '<d4 cf c0 de>^<c0 db b3>=ESC$B;3EDESC(J^ESC$BB@O:ESC(J=ESC$B$d$^$@ESC(J^ESC$B$?$m$&ESC(J',
      'ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう',
    ],
    [
      '\\ISO 2022 IR 149',
      'Hong^Gildong=ESC$)C<fb f3>^ESC$)C<d1 ce d4 d7>=ESC$)C<c8 ab>^ESC$)C<b1 e6 b5 bf>',
      'Hong^Gildong=洪^吉洞=홍^길동',
    ],
    ['\\ISO 2022 IR 58', 'Zhang^XiaoDong=ESC$)A<d5 c5>^ESC$)A<d0 a1 b6 ab>=', 'Zhang^XiaoDong=张^小东='],
    // each part begins in the first set again; a set may be named in the middle
    ['ISO 2022 IR 100\\ISO 2022 IR 144', 'R<fc>ESC-L<bb ee>^<fc>', 'RüЛю^ü'],
    // escape sequences left out
    ['\\ISO 2022 IR 149', '<c8 ab>^<b1 e6 b5 bf>', '홍^길동'],
  ])('%s: %s', (sets, written, read) => {
    expect(decodeText(bytes(`${written} `), encodingOf(sets.split('\\')), true)).toBe(read);
  });
});

it('keeps a set over the signs that divide names elsewhere, and ends it with the line', () => {
  const korean = encodingOf(['', 'ISO 2022 IR 149']);
  const latin = encodingOf(['ISO 2022 IR 100', 'ISO 2022 IR 149']);
  expect(decodeText(bytes('ESC$)C<c8 ab>=<c8 ab>'), korean)).toBe('홍=홍');
  expect(decodeText(bytes('ESC$)C<c8 ab>\r\n<fc>'), latin)).toBe('홍\r\nü');
});

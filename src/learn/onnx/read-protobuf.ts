/** A field of a protocol buffer as it lies in the bytes: a whole number, or a piece of them. */
export type ProtoField =
  | { readonly field: number; readonly number: number }
  | { readonly field: number; readonly bytes: Buffer };

/** Wire types (https://protobuf.dev/programming-guides/encoding). Groups are not in use any more. */
const VARINT = 0;
const EIGHT_BYTES = 1;
const BYTES = 2;
const FOUR_BYTES = 5;

/**
 * The fields of a message in their order. Whole numbers are signed 64-bit ones as the nearest double; fixed
 * widths are given as their bytes. @throws Error if the bytes end within a field.
 */
export function* protoFields(bytes: Buffer): Generator<ProtoField> {
  const at = { offset: 0 };
  while (at.offset < bytes.length) {
    const tag = readVarint(bytes, at);
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case VARINT:
        yield { field, number: readVarint(bytes, at) };
        break;
      case EIGHT_BYTES:
        yield { field, bytes: take(bytes, at, 8) };
        break;
      case BYTES:
        yield { field, bytes: take(bytes, at, readVarint(bytes, at)) };
        break;
      case FOUR_BYTES:
        yield { field, bytes: take(bytes, at, 4) };
        break;
      default:
        throw new Error('it is no protocol buffer');
    }
  }
}

/** Numbers of a repeated field: one, or packed. */
export function wholeNumbers(field: ProtoField): number[] {
  if ('number' in field) return [field.number];
  const at = { offset: 0 };
  const numbers: number[] = [];
  while (at.offset < field.bytes.length) numbers.push(readVarint(field.bytes, at));
  return numbers;
}

export function floats({ bytes }: { readonly bytes: Buffer }): Float32Array {
  return Float32Array.from({ length: bytes.length >> 2 }, (_, at) => bytes.readFloatLE(at * 4));
}

export function doubles({ bytes }: { readonly bytes: Buffer }): Float64Array {
  return Float64Array.from({ length: bytes.length >> 3 }, (_, at) => bytes.readDoubleLE(at * 8));
}

function readVarint(bytes: Buffer, at: { offset: number }): number {
  let value = 0;
  let scale = 1;
  const from = at.offset;
  for (;;) {
    const byte = bytes[at.offset];
    if (byte === undefined || at.offset - from >= 10) throw new Error('it ends within a field');
    at.offset += 1;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    scale *= 128;
  }
  return value < 2 ** 53 ? value : signed(bytes.subarray(from, at.offset));
}

/** As a 64-bit number in two's complement. */
function signed(bytes: Buffer): number {
  let value = 0n;
  for (const byte of bytes.toReversed()) value = (value << 7n) | BigInt(byte & 0x7f);
  return Number(BigInt.asIntN(64, value));
}

function take(bytes: Buffer, at: { offset: number }, length: number): Buffer {
  if (length < 0 || at.offset + length > bytes.length) throw new Error('it ends within a field');
  at.offset += length;
  return bytes.subarray(at.offset - length, at.offset);
}

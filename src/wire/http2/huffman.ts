/**
 * Huffman code of HPACK (RFC 7541, Appendix B). The code is canonical, so the lengths say it all: a character in base 36 for
 * each octet and, last, for the end of the string.
 */
const LENGTHS = [
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq',
  'u',
].join('');

const EOS = 256;
/** A state of the reader: 16 nibbles lead on from each node of the code's tree. */
const NIBBLES = 16;
/** In a transition: the next state, an octet that is whole, and what else there is to know. */
const OCTET_SHIFT = 8;
const EMITS = 1 << 16;
const FAILS = 1 << 17;

interface Code {
  readonly bits: number;
  readonly length: number;
}

/** The code of each octet, and of the end. */
export function huffmanCodes(): readonly Code[] {
  const lengths = Array.from(LENGTHS, (digit) => Number.parseInt(digit, 36));
  const order = lengths
    .map((_, symbol) => symbol)
    .toSorted((a, b) => at(lengths, a) - at(lengths, b) || a - b);
  const codes: Code[] = [];
  let bits = 0;
  let length = at(lengths, at(order, 0));
  for (const symbol of order) {
    bits = bits * 2 ** (at(lengths, symbol) - length);
    length = at(lengths, symbol);
    codes[symbol] = { bits, length };
    bits++;
  }
  return codes;
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] ?? 0;
}

/** For each state and nibble the transition; and which states a string may end in (padding of up to 7 ones, §5.2). */
interface Machine {
  readonly transitions: Int32Array;
  readonly ends: Uint8Array;
}

function createMachine(): Machine {
  const children: [number, number][] = [[0, 0]];
  const symbols = new Map<number, number>();
  for (const [symbol, { bits, length }] of huffmanCodes().entries()) {
    let node = 0;
    for (let bit = length - 1; bit >= 0; bit--) {
      const side = Math.floor(bits / 2 ** bit) % 2 === 1 ? 1 : 0;
      const pair = children[node] ?? [0, 0];
      if (pair[side] === 0) pair[side] = children.push([0, 0]) - 1;
      node = pair[side];
    }
    symbols.set(node, symbol);
  }
  // Leaves are no states: a transition that reaches one goes on from the root.
  const inner = [...children.keys()].filter((node) => !symbols.has(node));
  const stateOf = new Map(inner.map((node, state) => [node, state]));
  const transitions = new Int32Array(inner.length * NIBBLES);
  const ends = new Uint8Array(inner.length);
  for (const [state, start] of inner.entries()) {
    for (let nibble = 0; nibble < NIBBLES; nibble++) {
      let node = start;
      let transition = 0;
      for (let bit = 3; bit >= 0; bit--) {
        node = children[node]?.[((nibble >> bit) & 1) as 0 | 1] ?? 0;
        const symbol = symbols.get(node);
        if (symbol === undefined) continue;
        if (symbol === EOS) transition |= FAILS;
        else transition |= EMITS | (symbol << OCTET_SHIFT);
        node = 0;
      }
      transitions[state * NIBBLES + nibble] = transition | (stateOf.get(node) ?? 0);
    }
  }
  let node = 0;
  ends[0] = 1;
  for (let ones = 1; ones <= 7; ones++) {
    node = children[node]?.[1] ?? 0;
    ends[stateOf.get(node) ?? 0] = 1;
  }
  return { transitions, ends };
}

let machine: Machine | undefined;
let scratch = Buffer.allocUnsafe(4096);

/**
 * Decodes a string literal.
 *
 * @returns an octet per code unit; undefined when the bytes are no such code (RFC 7541 §5.2)
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  machine ??= createMachine();
  const { transitions, ends } = machine;
  // The shortest code has five bits.
  const most = Math.ceil(((end - start) * 8) / 5);
  if (scratch.length < most) scratch = Buffer.allocUnsafe(most);
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = bytes[i] as number;
    const high = transitions[state * NIBBLES + (byte >> 4)] as number;
    if ((high & EMITS) !== 0) scratch[length++] = high >> OCTET_SHIFT;
    const low = transitions[(high & 0xff) * NIBBLES + (byte & 15)] as number;
    if ((low & EMITS) !== 0) scratch[length++] = low >> OCTET_SHIFT;
    if (((high | low) & FAILS) !== 0) return undefined;
    state = low & 0xff;
  }
  return ends[state] === 1 ? scratch.toString('latin1', 0, length) : undefined;
}

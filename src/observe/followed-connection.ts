import { decodeOpenNote } from '../model/tape.ts';
import type { OpenNote } from '../model/tape.ts';
import type { Connection, SocketEnd } from '../model/exchange.ts';

/** A connection whose bytes an observer reads, from whatever tap. */
export interface FollowedConnection extends Connection {
  /** Place among the connections that are open now: no two of a tap have the same. */
  readonly slot: number;
  /** Bytes of each direction that had passed when it was taken in at mid-stream, modulo 2³². */
  readonly offsets: readonly [fromClient: number, fromPrimary: number];
}

/** A connection as the tape described it. The description is read when somebody asks for it. */
export class TapedConnection implements FollowedConnection {
  readonly tap: string;
  readonly id: number;
  /** The first thing in the text, and all that most connections are asked for. */
  readonly slot: number;
  readonly #text: string;
  #note: OpenNote | undefined;

  constructor(tap: string, id: number, text: string) {
    this.tap = tap;
    this.id = id;
    this.#text = text;
    this.slot = Number.parseInt(text, 10);
  }

  get offsets(): OpenNote['offsets'] {
    return this.#read().offsets;
  }

  get source(): SocketEnd {
    const note = this.#read();
    return { ip: note.sourceIp, port: note.sourcePort };
  }

  get destination(): SocketEnd {
    const note = this.#read();
    return { ip: note.destinationIp, port: note.destinationPort };
  }

  get principal(): string | undefined {
    return this.#read().principal || undefined;
  }

  get tls(): boolean {
    return this.#read().tls;
  }

  #read(): OpenNote {
    this.#note ??= decodeOpenNote(this.#text);
    return this.#note;
  }
}
